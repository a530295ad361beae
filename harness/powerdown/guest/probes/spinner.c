/* powerdown-spinner.exe
 *
 * A service that takes the whole machine: once it runs, one thread per processor
 * spins at the highest priority there is and never yields.  It accepts no control.
 * Interrupts still work; nearly nothing else gets any time.
 */

#include "privilege.h"
#include "service.h"

BEHAVIOUR({
    "format": 1,
    "kind": "service",
    "accepts": [],
    "run": [{"busy": true}]
});

static DWORD ignore(DWORD control)
{
    (void)control;
    return ERROR_CALL_NOT_IMPLEMENTED;
}

DECLSPEC_NORETURN static DWORD WINAPI spin(void *nothing)
{
    (void)nothing;
    /* 31, the highest, in this class (learn: Scheduling Priorities). */
    SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_TIME_CRITICAL);
    for (;;)
        ;
}

/* REALTIME_PRIORITY_CLASS needs SE_INC_BASE_PRIORITY_NAME; without it Windows
 * gives the class below (learn: SetPriority method of the Win32_Process class).
 */
static DWORD spin_everywhere(void)
{
    DWORD processors = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);

    enable_privilege(SE_INC_BASE_PRIORITY_NAME);
    SetPriorityClass(GetCurrentProcess(), REALTIME_PRIORITY_CLASS);
    while (processors-- > 1)
        CreateThread(NULL, 0, spin, NULL, 0, NULL);
    spin(NULL);
}

static const Service service = {.accepts = 0, .control = ignore, .run = spin_everywhere};

void WINAPI powerdown_probe(void)
{
    run_service();
}
