/* What LAPACK has in Fortran 90 only, or by its intrinsic functions, once for each precision: -DSINGLE is for single
 * precision. After LAPACK's la_constants.f90, ?lartg.f90, ?lassq.f90, ?lamch.f, ?roundup_lwork.f. */

#include <complex.h>
#include <ctype.h>
#include <float.h>
#include <tgmath.h>

#ifdef SINGLE
typedef float number;
typedef float _Complex complex_number;
#define OF_REAL(name) s##name##_
#define OF_COMPLEX(name) c##name##_
#define OF_MACHINE(name) FLT_##name
#define MAXIMUM ismxlc_
#else
typedef double number;
typedef double _Complex complex_number;
#define OF_REAL(name) d##name##_
#define OF_COMPLEX(name) z##name##_
#define OF_MACHINE(name) DBL_##name
#define MAXIMUM idmxlc_
#endif


#define SAFE_MINIMUM OF_MACHINE(MIN)
#define SAFE_MAXIMUM (1 / SAFE_MINIMUM)

static number larger(number a, number b) { return a > b ? a : b; }
static number smaller(number a, number b) { return a < b ? a : b; }
static number power_of_2(int exponent) { return ldexp((number)1, exponent); }
static number size_of(complex_number z) { return larger(fabs(creal(z)), fabs(cimag(z))); }
static number square_of(complex_number z) { return creal(z) * creal(z) + cimag(z) * cimag(z); }

number OF_REAL(lamch)(char *what) {
  number epsilon = OF_MACHINE(EPSILON) / 2;
  switch (toupper((unsigned char)*what)) {
    case 'E': return epsilon;
    case 'S': return SAFE_MINIMUM;
    case 'B': return FLT_RADIX;
    case 'P': return epsilon * FLT_RADIX;
    case 'N': return OF_MACHINE(MANT_DIG);
    case 'R': return 1;
    case 'M': return OF_MACHINE(MIN_EXP);
    case 'U': return SAFE_MINIMUM;
    case 'L': return OF_MACHINE(MAX_EXP);
    case 'O': return OF_MACHINE(MAX);
    default: return 0;
  }
}

/* A sum that is rounded to the precision. */
number OF_REAL(lamc3)(number *a, number *b) { return *a + *b; }

/* The size of a work space as a number that is not smaller. */
number OF_REAL(roundup_lwork)(int *size) {
  number rounded = *size;
  return (int)rounded < *size ? rounded * (1 + OF_MACHINE(EPSILON)) : rounded;
}

/* MAXLOC of Fortran 90: the place of the largest, from 1. */
int MAXIMUM(number *values, int *count) {
  int best = 0;
  for (int place = 1; place < *count; place++)
    if (values[place] > values[best] || isnan(values[best])) best = place;
  return best + 1;
}

/* A plane rotation with a real cosine that makes g zero. */
void OF_REAL(lartg)(number *f_, number *g_, number *c, number *s, number *r) {
  number f = *f_, g = *g_, f1 = fabs(f), g1 = fabs(g);
  number low = sqrt(SAFE_MINIMUM), high = sqrt(SAFE_MAXIMUM / 2);
  if (g == 0) {
    *c = 1;
    *s = 0;
    *r = f;
  } else if (f == 0) {
    *c = 0;
    *s = copysign((number)1, g);
    *r = g1;
  } else if (f1 > low && f1 < high && g1 > low && g1 < high) {
    number d = sqrt(f * f + g * g);
    *c = f1 / d;
    *r = copysign(d, f);
    *s = g / *r;
  } else {
    number u = smaller(SAFE_MAXIMUM, larger(SAFE_MINIMUM, larger(f1, g1)));
    number fs = f / u, gs = g / u, d = sqrt(fs * fs + gs * gs);
    *c = fabs(fs) / d;
    number scaled = copysign(d, f);
    *s = gs / scaled;
    *r = scaled * u;
  }
}

/* The case of f of zero: s and r for |g| > 0. */
static void rotate_zero(complex_number g, complex_number *s, complex_number *r) {
  number g1 = size_of(g), low = sqrt(SAFE_MINIMUM), high = sqrt(SAFE_MAXIMUM / 2);
  if (creal(g) == 0 || cimag(g) == 0) {
    *s = conj(g) / g1;
    *r = g1;
  } else if (g1 > low && g1 < high) {
    number d = sqrt(square_of(g));
    *s = conj(g) / d;
    *r = d;
  } else {
    number u = smaller(SAFE_MAXIMUM, larger(SAFE_MINIMUM, g1));
    complex_number gs = g / u;
    number d = sqrt(square_of(gs));
    *s = conj(gs) / d;
    *r = d * u;
  }
}

/* c, s and r of scaled f and g, with f2 = |f|^2 and h2 = |f|^2 + |g|^2, where c may be of another scale. */
static void rotate_scaled(complex_number f, complex_number g, number f2, number h2, number *c, complex_number *s,
                          complex_number *r) {
  number low = sqrt(SAFE_MINIMUM), high = 2 * sqrt(SAFE_MAXIMUM / 4);
  if (f2 >= h2 * SAFE_MINIMUM) {
    *c = sqrt(f2 / h2);
    *r = f / *c;
    *s = conj(g) * (f2 > low && h2 < high ? f / sqrt(f2 * h2) : *r / h2);
  } else {
    number d = sqrt(f2 * h2);
    *c = f2 / d;
    *r = *c >= SAFE_MINIMUM ? f / *c : f * (h2 / d);
    *s = conj(g) * (f / d);
  }
}

void OF_COMPLEX(lartg)(complex_number *f_, complex_number *g_, number *c, complex_number *s, complex_number *r) {
  complex_number f = *f_, g = *g_;
  number low = sqrt(SAFE_MINIMUM), high = sqrt(SAFE_MAXIMUM / 4), f1 = size_of(f), g1 = size_of(g);
  if (g == 0) {
    *c = 1;
    *s = 0;
    *r = f;
  } else if (f == 0) {
    *c = 0;
    rotate_zero(g, s, r);
  } else if (f1 > low && f1 < high && g1 > low && g1 < high) {
    number f2 = square_of(f);
    rotate_scaled(f, g, f2, f2 + square_of(g), c, s, r);
  } else {
    number u = smaller(SAFE_MAXIMUM, larger(SAFE_MINIMUM, larger(f1, g1)));
    number v = f1 / u < low ? smaller(SAFE_MAXIMUM, larger(SAFE_MINIMUM, f1)) : u, w = v / u;
    complex_number fs = f / v, gs = g / u;
    number f2 = square_of(fs);
    rotate_scaled(fs, gs, f2, f2 * w * w + square_of(gs), c, s, r);
    *c *= w;
    *r *= u;
  }
}

/* Sums of squares that would overflow, are in between, and would underflow. */
struct sums { number big, middle, small; int none_big; };

#define SMALL_BELOW power_of_2((OF_MACHINE(MIN_EXP) - 1) / 2)
#define BIG_ABOVE power_of_2((OF_MACHINE(MAX_EXP) - OF_MACHINE(MANT_DIG) + 1) / 2)
#ifdef SINGLE
#define SCALE_SMALL power_of_2(75)
#define SCALE_BIG power_of_2(-76)
#else
#define SCALE_SMALL power_of_2(537)
#define SCALE_BIG power_of_2(-538)
#endif

static void add_square(struct sums *sums, number x) {
  number size = fabs(x);
  if (size > BIG_ABOVE) {
    sums->big += (size * SCALE_BIG) * (size * SCALE_BIG);
    sums->none_big = 0;
  } else if (size < SMALL_BELOW) {
    if (sums->none_big) sums->small += (size * SCALE_SMALL) * (size * SCALE_SMALL);
  } else {
    sums->middle += size * size;
  }
}

static void add_sum(struct sums *sums, number scale, number sum) {
  number size = scale * sqrt(sum);
  if (size > BIG_ABOVE) {
    if (scale > 1) sums->big += (scale * SCALE_BIG) * ((scale * SCALE_BIG) * sum);
    else sums->big += scale * (scale * (SCALE_BIG * (SCALE_BIG * sum)));
  } else if (size < SMALL_BELOW) {
    if (!sums->none_big) return;
    if (scale < 1) sums->small += (scale * SCALE_SMALL) * ((scale * SCALE_SMALL) * sum);
    else sums->small += scale * (scale * (SCALE_SMALL * (SCALE_SMALL * sum)));
  } else {
    sums->middle += scale * (scale * sum);
  }
}

static void total(struct sums sums, number *scale, number *sum) {
  int any_middle = sums.middle > 0 || isnan(sums.middle);
  *scale = 1;
  *sum = sums.middle;
  if (sums.big > 0) {
    *scale = 1 / SCALE_BIG;
    *sum = sums.big + (any_middle ? sums.middle * SCALE_BIG * SCALE_BIG : 0);
  } else if (sums.small > 0 && any_middle) {
    number a = sqrt(sums.middle), b = sqrt(sums.small) / SCALE_SMALL;
    number least = b > a ? a : b, most = b > a ? b : a;
    *sum = most * most * (1 + (least / most) * (least / most));
  } else if (sums.small > 0) {
    *scale = 1 / SCALE_SMALL;
    *sum = sums.small;
  }
}

/* scale^2 * sum becomes that and the squares of `count` vectors of numbers, which are `width` in each element. */
static void sum_of_squares(int n, number *x, int step, int width, number *scale, number *sum) {
  struct sums sums = {0, 0, 0, 1};
  if (isnan(*scale) || isnan(*sum)) return;
  if (*sum == 0) *scale = 1;
  if (*scale == 0) *scale = 1, *sum = 0;
  if (n <= 0) return;
  number *element = step < 0 ? x - (n - 1) * step * width : x;
  for (int place = 0; place < n; place++, element += step * width)
    for (int part = 0; part < width; part++) add_square(&sums, element[part]);
  if (*sum > 0) add_sum(&sums, *scale, *sum);
  total(sums, scale, sum);
}

void OF_REAL(lassq)(int *n, number *x, int *step, number *scale, number *sum) {
  sum_of_squares(*n, x, *step, 1, scale, sum);
}

void OF_COMPLEX(lassq)(int *n, complex_number *x, int *step, number *scale, number *sum) {
  sum_of_squares(*n, (number *)x, *step, 2, scale, sum);
}

#ifndef SINGLE
/* The letter of a transposition's number. */
char chla_transtype_(int *number) { return *number == 111 ? 'N' : *number == 112 ? 'T' : *number == 113 ? 'C' : 'X'; }
#endif
