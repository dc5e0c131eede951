/* broken-mark-early: swap with one mistake: a step is marked as done before it is. */
#define MARK_EARLY
#define DESCRIPTION                            \
    "broken-mark-early: swap with a mistake\n" \
    "mistake: a step is marked as done before it is\n"    \
    "expect: brick"
#include "../swap/swap.c"
