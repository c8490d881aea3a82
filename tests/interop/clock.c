/* The time that a program is told: LD_PRELOAD of this, and INTEROP_TIME in Unix seconds. GmSSL takes no time as an option. */
#include <stdlib.h>
#include <time.h>

time_t time(time_t *out)
{
    time_t now = (time_t)atoll(getenv("INTEROP_TIME"));
    if (out)
        *out = now;
    return now;
}
