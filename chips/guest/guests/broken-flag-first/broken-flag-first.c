/* broken-flag-first: copy with one mistake: the flag is written before the data. */
#define FLAG_FIRST
#define DESCRIPTION                            \
    "broken-flag-first: copy with a mistake\n" \
    "mistake: the flag is written before the data\n"    \
    "expect: brick"
#include "../copy/copy.c"
