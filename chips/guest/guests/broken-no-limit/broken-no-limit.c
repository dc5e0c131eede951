/* broken-no-limit: ab with one mistake: a damaged record makes it reset, and nothing counts how often. */
#define NO_LIMIT
#define DESCRIPTION                            \
    "broken-no-limit: ab with a mistake\n" \
    "mistake: a damaged record makes it reset, and nothing counts how often\n"    \
    "expect: stuck"
#include "../ab/ab.c"
