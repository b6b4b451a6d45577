import numpy as np
from numpy.testing import assert_allclose
from scipy import fft, integrate, interpolate, linalg, ndimage, optimize, signal, sparse, spatial, special, stats
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.cluster.vq import kmeans2
from scipy.linalg import blas, lapack
from scipy.sparse import csgraph
from scipy.sparse.linalg import cg, eigsh, expm_multiply, gmres, splu, spsolve, svds

random = np.random.default_rng(1)

# Decompositions in all four precisions: LAPACK and BLAS.
for kind in (np.float32, np.float64, np.complex64, np.complex128):
    near = {"rtol": 0, "atol": 3e-4 if kind in (np.float32, np.complex64) else 1e-10}
    a = random.normal(size=(20, 20)).astype(kind)
    if np.iscomplexobj(a):
        a += 1j * random.normal(size=(20, 20)).astype(a.real.dtype)
    assert a.dtype == kind
    h, b = a + a.conj().T, a[:, :3] @ np.ones((3, 2), kind)
    p = a @ a.conj().T + 20 * np.eye(20, dtype=kind)
    assert_allclose(a @ linalg.solve(a, b), b, **near)
    assert_allclose(p @ linalg.solve(p, b, assume_a="pos"), b, **near)
    assert_allclose(h @ linalg.solve(h, b, assume_a="her"), b, **near)
    assert_allclose(a @ linalg.inv(a), np.eye(20), **near)
    assert_allclose(linalg.det(a), np.linalg.det(a.astype(np.complex128)), rtol=1e-3)
    u, s, v = linalg.svd(a)
    assert_allclose(u * s @ v, a, **near)
    u, s, v = linalg.svd(a, lapack_driver="gesvd")
    assert_allclose(u * s @ v, a, **near)
    for driver in ("ev", "evd", "evr", "evx"):
        w, x = linalg.eigh(h, driver=driver)
        assert_allclose(h @ x, x * w, **near)
    w, x = linalg.eigh(h, p)
    assert_allclose(h @ x, p @ x * w, rtol=0, atol=near["atol"] * 10)
    w, x = linalg.eig(a)
    assert_allclose(a @ x, x * w, **near)
    w, x = linalg.eig(a, p)
    assert_allclose(a @ x, p @ x * w, rtol=0, atol=near["atol"] * 10)
    t, z = linalg.schur(a)
    assert_allclose(z @ t @ z.conj().T, a, **near)
    t, z, count = linalg.schur(a, output="complex", sort="lhp")
    assert_allclose(z @ t @ z.conj().T, a, **near)
    assert count == (t.diagonal().real < 0).sum()
    q, r = linalg.qr(a)
    assert_allclose(q @ r, a, **near)
    q, r, order = linalg.qr(a, pivoting=True)
    assert_allclose(q @ r, a[:, order], **near)
    c = linalg.cholesky(p, lower=True)
    assert_allclose(c @ c.conj().T, p, **near)
    order, low, up = linalg.lu(a)
    assert_allclose(order @ low @ up, a, **near)
    low, d, order = linalg.ldl(h)
    assert_allclose(low @ d @ low.conj().T, h, **near)
    for driver in ("gelsd", "gelss", "gelsy"):
        x = linalg.lstsq(a[:, :5], b, lapack_driver=driver)[0]
        assert_allclose(a[:, :5].conj().T @ (a[:, :5] @ x - b), 0, rtol=0, atol=near["atol"] * 10)
    x = linalg.solve_sylvester(a, p, h)
    assert_allclose(a @ x + x @ p, h, rtol=0, atol=near["atol"] * 30)
    gemm, = linalg.get_blas_funcs(("gemm",), (a,))
    assert_allclose(gemm(2, a, h), 2 * a @ h, **near)
    dot, = linalg.get_blas_funcs(("dotc" if np.iscomplexobj(a) else "dot",), (a,))
    assert_allclose(dot(a[0], a[1]), np.vdot(a[0], a[1]), **near)
    lange, = linalg.get_lapack_funcs(("lange",), (a,))
    assert_allclose(lange("F", a), np.linalg.norm(a), rtol=1e-5)
assert_allclose(lapack.dlamch("E"), np.finfo(float).eps / 2)
assert_allclose(blas.snrm2(np.array([3, 4], "f")), 5)
a = random.normal(size=(6, 6))
assert_allclose(linalg.logm(linalg.expm(a / 9)), a / 9, atol=1e-8)
assert_allclose(linalg.sqrtm(a @ a.T) @ linalg.sqrtm(a @ a.T), a @ a.T, atol=1e-8)
assert_allclose(linalg.solve_banded((1, 1), [[0, 1, 1], [4, 4, 4], [1, 1, 0]], [5, 6, 5]), 1)
x = linalg.solve_continuous_are(a, np.eye(6), np.eye(6), np.eye(6))
assert_allclose(a.T @ x + x @ a - x @ x + np.eye(6), 0, atol=1e-8)

# Sparse systems: SuperLU, ARPACK, PROPACK and the iterative ones.
n = 200
laplace = sparse.diags_array([-1, 2.5, -1], offsets=[-1, 0, 1], shape=(n, n)).tocsc()
b = random.normal(size=n)
for kind in (np.float32, np.float64, np.complex64, np.complex128):
    m = laplace.astype(kind)
    assert_allclose(m @ spsolve(m, b.astype(kind)), b, atol=1e-4)
    assert_allclose(m @ splu(m).solve(b.astype(kind)), b, atol=1e-4)
assert_allclose(laplace @ cg(laplace, b, rtol=1e-10)[0], b, atol=1e-6)
assert_allclose(laplace @ gmres(laplace, b, rtol=1e-10)[0], b, atol=1e-6)
dense = np.linalg.eigvalsh(laplace.toarray())
assert_allclose(np.sort(eigsh(laplace, 4, return_eigenvectors=False)), dense[-4:])
assert_allclose(np.sort(eigsh(laplace, 4, sigma=0, return_eigenvectors=False)), dense[:4])
for solver in ("arpack", "propack"):
    assert_allclose(np.sort(svds(laplace, 3, return_singular_vectors=False, solver=solver, maxiter=n)), dense[-3:], rtol=1e-6)
assert_allclose(expm_multiply(laplace, b), linalg.expm(laplace.toarray()) @ b)
assert csgraph.shortest_path(sparse.csr_array([[0, 1, 9], [0, 0, 2], [0, 0, 0]]))[0, 2] == 3
graph = sparse.csr_array([[0, 8, 0, 3], [0, 0, 2, 5], [0, 0, 0, 6], [0, 0, 0, 0]])
assert csgraph.minimum_spanning_tree(graph).sum() == 10

# Optimization.
for method in ("BFGS", "L-BFGS-B", "Nelder-Mead", "SLSQP", "TNC", "COBYLA", "COBYQA", "trust-constr", "Powell", "CG"):
    found = optimize.minimize(lambda x: (x[0] - 1) ** 2 + (x[1] + 2) ** 4 + x[0] * 0.1, [1.3, 0.7], method=method)
    assert_allclose(found.x, [0.95, -2], atol=0.1, err_msg=method)
for method in ("trust-krylov", "trust-exact", "trust-ncg", "Newton-CG"):
    found = optimize.minimize(
        optimize.rosen, [1.3, 0.7], method=method, jac=optimize.rosen_der, hess=optimize.rosen_hess
    )
    assert_allclose(found.x, 1, atol=1e-3, err_msg=method)
assert_allclose(optimize.linprog([-1, -2], A_ub=[[1, 1], [1, 3]], b_ub=[4, 6]).fun, -5)
assert optimize.milp([-1, -2], integrality=[1, 1], constraints=optimize.LinearConstraint([[2, 3]], ub=7)).fun == -4
assert_allclose(optimize.brentq(np.cos, 0, 3), np.pi / 2)
assert_allclose(optimize.root(lambda x: [x[0] + x[1] - 3, x[0] - x[1] - 1], [0, 0]).x, [2, 1])
assert_allclose(optimize.nnls(np.array([[1.0, 0], [1, 1]]), np.array([2.0, 3]))[0], [2, 1])
for method in ("lm", "trf", "dogbox"):
    x = np.arange(5)
    fit = optimize.curve_fit(lambda x, a, b: a * np.exp(b * x), x, 2 * np.exp(0.3 * x), method=method)
    assert_allclose(fit[0], [2, 0.3])
assert_allclose(optimize.least_squares(lambda x: x - [1, 2], [0, 0], method="lm").x, [1, 2])
assert (optimize.linear_sum_assignment([[4, 1], [2, 3]])[1] == [1, 0]).all()
try:
    optimize.brentq(lambda x: x * x + 1, 0, 1)
except ValueError as error:
    assert "different signs" in str(error)
else:
    raise AssertionError("brentq found a root where none is")

# Integration.
assert_allclose(integrate.quad(np.sin, 0, np.pi)[0], 2)
assert_allclose(integrate.quad(lambda x: np.exp(-x * x), -np.inf, np.inf)[0], np.sqrt(np.pi))
assert_allclose(integrate.dblquad(lambda y, x: x * y, 0, 1, 0, 2)[0], 1)
for method in ("RK45", "DOP853", "Radau", "BDF", "LSODA"):
    solved = integrate.solve_ivp(lambda t, y: -y, (0, 1), [1.0], method=method, rtol=1e-6, atol=1e-9)
    assert_allclose(solved.y[0, -1], np.exp(-1), rtol=1e-4, err_msg=method)
assert_allclose(integrate.odeint(lambda y, t: -y, 1.0, [0, 1])[1, 0], np.exp(-1), rtol=1e-6)
for name in ("vode", "dopri5", "lsoda", "dop853"):
    step = integrate.ode(lambda t, y: -y).set_integrator(name).set_initial_value([1.0], 0)
    assert_allclose(step.integrate(1), np.exp(-1), rtol=1e-4, err_msg=name)
ends = integrate.solve_bvp(lambda x, y: [y[1], -y[0]], lambda a, b: [a[0], b[0] - 1], [0, np.pi / 2], np.zeros((2, 2)))
assert_allclose(ends.sol(np.pi / 4)[0], np.sqrt(0.5), rtol=1e-3)

# Interpolation.
x = np.linspace(0, 6, 40)
for make in (interpolate.CubicSpline, interpolate.make_interp_spline, interpolate.PchipInterpolator):
    assert_allclose(make(x, np.sin(x))(1.234), np.sin(1.234), atol=2e-3)
assert_allclose(interpolate.splev(1.234, interpolate.splrep(x, np.sin(x))), np.sin(1.234), atol=1e-4)
assert_allclose(interpolate.UnivariateSpline(x, np.sin(x), s=0).integral(0, 3), 1 - np.cos(3), atol=1e-4)
grid = interpolate.RectBivariateSpline(x, x, np.outer(np.sin(x), np.cos(x)))
assert_allclose(grid(1.5, 2.5)[0, 0], np.sin(1.5) * np.cos(2.5), atol=1e-3)
points = random.uniform(size=(300, 2))
for make in (interpolate.LinearNDInterpolator, interpolate.CloughTocher2DInterpolator, interpolate.RBFInterpolator):
    assert_allclose(make(points, points.sum(1))([[0.4, 0.5]]), 0.9, atol=1e-3)

# Signals and transforms.
x = random.normal(size=101)
assert_allclose(fft.ifft(fft.fft(x)).real, x, atol=1e-12)
assert_allclose(fft.irfft(fft.rfft(x), 101), x, atol=1e-12)
assert_allclose(fft.idct(fft.dct(x)), x, atol=1e-12)
b, a = signal.butter(4, 0.2)
assert_allclose(signal.filtfilt(b, a, np.ones(100)), 1, atol=1e-6)
assert_allclose(signal.fftconvolve(x, x), np.convolve(x, x), atol=1e-9)
assert_allclose(signal.sosfilt(signal.butter(4, 0.2, output="sos"), x), signal.lfilter(b, a, x), atol=1e-9)
assert (signal.find_peaks([0, 1, 0, 3, 0])[0] == [1, 3]).all()
assert_allclose(signal.upfirdn([1, 1], [1, 2, 3], 2), [1, 1, 2, 2, 3, 3])
assert_allclose(signal.resample_poly(np.ones(20), 1, 2)[3:-3], 1, atol=0.1)

# Images.
image = np.zeros((9, 9))
image[1:3, 1:3] = image[5:8, 5:8] = 1
assert ndimage.label(image)[1] == 2
assert_allclose(ndimage.gaussian_filter(image, 1).sum(), image.sum(), rtol=0.05)
assert_allclose(ndimage.rotate(image, 90), np.rot90(image), atol=1e-9)
assert_allclose(ndimage.center_of_mass(image[4:, 4:]), [2, 2])
assert ndimage.generic_filter(image, np.max, 3).sum() > image.sum()
assert ndimage.distance_transform_edt(image).max() == 2

# Space.
tree = spatial.KDTree(points)
distance, place = tree.query([0.5, 0.5])
assert_allclose(distance, np.linalg.norm(points - 0.5, axis=1).min())
assert_allclose(spatial.ConvexHull([[0, 0], [2, 0], [2, 1], [0, 1], [1, 0.5]]).volume, 2)
assert len(spatial.Delaunay(points).simplices) > 300
assert len(spatial.Voronoi(points).vertices) > 300
assert_allclose(spatial.distance.cdist([[0, 0]], [[3, 4]], "euclidean"), 5)
assert_allclose(spatial.transform.Rotation.from_euler("z", 90, degrees=True).apply([1, 0, 0]), [0, 1, 0], atol=1e-12)
groups = np.array([[0.0], [0.1], [5], [5.1]])
assert len(set(fcluster(linkage(groups), 2, "maxclust"))) == 2
assert_allclose(np.sort(kmeans2(groups, groups[[0, 2]])[0].ravel()), [0.05, 5.05])

# Special functions and statistics.
assert_allclose(special.gamma([0.5, 5]), [np.sqrt(np.pi), 24])
assert_allclose(special.jv(0, 2.404825557695773), 0, atol=1e-12)
assert_allclose(special.erf(1), 0.8427007929497149)
assert_allclose(special.erfinv(special.erf(0.3)), 0.3)
assert_allclose(special.betainc(2, 3, 0.4), 0.5248)
assert_allclose(special.hyp2f1(1, 1, 2, 0.5), 2 * np.log(2))
assert_allclose(special.ellipk(0.5), 1.8540746773013719)
assert_allclose(special.wofz(1j), 0.42758357615580700)
assert_allclose(special.zeta(2), np.pi**2 / 6)
assert_allclose(special.roots_legendre(3)[0], [-np.sqrt(0.6), 0, np.sqrt(0.6)], atol=1e-12)
assert_allclose(stats.norm.ppf(0.975), 1.959963984540054)
assert_allclose(stats.t.cdf(2, 5), 0.9490302605850709)
assert_allclose(stats.binom.pmf(3, 10, 0.5), 0.1171875)
assert_allclose(stats.ncx2.cdf(3, 2, 1), 0.6203, atol=0.05)
sample = stats.norm.rvs(3, 2, size=2000, random_state=1)
assert_allclose(stats.norm.fit(sample), [3, 2], atol=0.15)
assert stats.ttest_1samp(sample, 3).pvalue > 0.001
assert stats.kstest(sample, stats.norm(3, 2).cdf).pvalue > 0.001
assert_allclose(stats.linregress([0, 1, 2], [1, 3, 5]).slope, 2)
assert_allclose(stats.gaussian_kde(sample)(3), stats.norm(0, 2).pdf(0), rtol=0.1)
assert_allclose(stats.fisher_exact([[8, 2], [1, 5]]).pvalue, 0.03496503496503495)
assert_allclose(stats.multivariate_normal([0, 0]).cdf([0, 0]), 0.25, atol=1e-4)
assert stats.qmc.Sobol(2, rng=1).random(8).shape == (8, 2)
