/* broken-one-record: swap with one mistake: the only record of the progress is erased to write it anew. */
#define ONE_RECORD
#define DESCRIPTION                            \
    "broken-one-record: swap with a mistake\n" \
    "mistake: the only record of the progress is erased to write it anew\n"    \
    "expect: brick"
#include "../swap/swap.c"
