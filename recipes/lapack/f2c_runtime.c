/* What f2c's C calls for intrinsic functions of Fortran, after the interfaces of its library. */

#include <complex.h>
#include <math.h>
#include <string.h>

#undef complex
#include "f2c.h"
#undef abs

static float _Complex single_of(const complex *z) { return CMPLXF(z->r, z->i); }
static double _Complex double_of(const doublecomplex *z) { return CMPLX(z->r, z->i); }
static void set_single(complex *to, float _Complex z) { to->r = crealf(z); to->i = cimagf(z); }
static void set_double(doublecomplex *to, double _Complex z) { to->r = creal(z); to->i = cimag(z); }

double c_abs(complex *z) { return hypot(z->r, z->i); }
double z_abs(doublecomplex *z) { return hypot(z->r, z->i); }
void c_div(complex *c, complex *a, complex *b) { set_single(c, single_of(a) / single_of(b)); }
void z_div(doublecomplex *c, doublecomplex *a, doublecomplex *b) { set_double(c, double_of(a) / double_of(b)); }
void c_exp(complex *to, complex *z) { set_single(to, cexpf(single_of(z))); }
void z_exp(doublecomplex *to, doublecomplex *z) { set_double(to, cexp(double_of(z))); }
void c_sqrt(complex *to, complex *z) { set_single(to, csqrtf(single_of(z))); }
void z_sqrt(doublecomplex *to, doublecomplex *z) { set_double(to, csqrt(double_of(z))); }
void r_cnjg(complex *to, complex *z) { set_single(to, conjf(single_of(z))); }
void d_cnjg(doublecomplex *to, doublecomplex *z) { set_double(to, conj(double_of(z))); }
double r_imag(complex *z) { return z->i; }
double d_imag(doublecomplex *z) { return z->i; }
double r_sign(real *a, real *b) { return copysign(*a, *b); }
double d_sign(doublereal *a, doublereal *b) { return copysign(*a, *b); }
double r_lg10(real *x) { return log10(*x); }
double d_lg10(doublereal *x) { return log10(*x); }
integer i_nint(real *x) { return (integer)roundf(*x); }
integer i_dnnt(doublereal *x) { return (integer)round(*x); }
double pow_dd(doublereal *a, doublereal *b) { return pow(*a, *b); }

integer pow_ii(integer *base, integer *exponent) {
  integer result = 1;
  if (*exponent < 0) return *base == 1 ? 1 : *base == -1 ? (*exponent % 2 ? -1 : 1) : 0;
  for (integer n = 0; n < *exponent; n++) result *= *base;
  return result;
}

#define POWER(type, base, exponent)                                        \
  type result = 1, factor = (exponent) < 0 ? 1 / (base) : (base);          \
  for (unsigned n = (exponent) < 0 ? -(unsigned)(exponent) : (exponent);; factor *= factor) { \
    if (n & 1) result *= factor;                                           \
    if (!(n >>= 1)) break;                                                 \
  }

double pow_ri(real *base, integer *exponent) {
  POWER(double, *base, *exponent)
  return result;
}

double pow_di(doublereal *base, integer *exponent) {
  POWER(double, *base, *exponent)
  return result;
}

void pow_ci(complex *to, complex *base, integer *exponent) {
  POWER(float _Complex, single_of(base), *exponent)
  set_single(to, result);
}

void pow_zi(doublecomplex *to, doublecomplex *base, integer *exponent) {
  POWER(double _Complex, double_of(base), *exponent)
  set_double(to, result);
}

integer i_len(char *text, ftnlen length) { return length; }

/* Strings of Fortran have a length, and are filled with blanks. */
void s_copy(char *to, char *from, ftnlen to_length, ftnlen from_length) {
  ftnlen both = to_length < from_length ? to_length : from_length;
  memmove(to, from, both);
  memset(to + both, ' ', to_length - both);
}

void s_cat(char *to, char **parts, integer *lengths, integer *count, ftnlen length) {
  for (integer part = 0; part < *count; part++) {
    ftnlen taken = lengths[part] < length ? lengths[part] : length;
    memmove(to, parts[part], taken);
    to += taken;
    length -= taken;
  }
  memset(to, ' ', length);
}

integer s_cmp(char *a, char *b, ftnlen a_length, ftnlen b_length) {
  for (ftnlen place = 0; place < a_length || place < b_length; place++) {
    unsigned char of_a = place < a_length ? a[place] : ' ', of_b = place < b_length ? b[place] : ' ';
    if (of_a != of_b) return of_a - of_b;
  }
  return 0;
}

/* OpenBLAS's, which tells of a wrong argument on standard error and returns. */
int xerbla_(char *name, integer *argument, ftnlen length);
void xerbla_of_lapack_(char *name, integer *argument, ftnlen length) { xerbla_(name, argument, length); }
