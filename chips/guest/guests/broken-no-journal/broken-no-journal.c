/* broken-no-journal: inplace-delta with one mistake: a sector is erased while its new contents are only in RAM. */
#define NO_JOURNAL
#define DESCRIPTION                            \
    "broken-no-journal: inplace-delta with a mistake\n" \
    "mistake: a sector is erased while its new contents are only in RAM\n"    \
    "expect: brick"
#include "../inplace-delta/inplace-delta.c"
