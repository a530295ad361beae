/* powerdown-aborter.exe
 *
 * A service that aborts every shutdown that still counts down: it tries five times
 * a second.  STOP ends it.
 */

#include "privilege.h"
#include "service.h"

BEHAVIOUR({
    "format": 1,
    "kind": "service",
    "accepts": ["stop"],
    "run": [{"forever": [{"abort_shutdown": true}, {"wait_ms": 200}]}],
    "on_stop": "stop"
});

static HANDLE stop_requested;

static DWORD end(DWORD control)
{
    if (control != SERVICE_CONTROL_STOP)
        return ERROR_CALL_NOT_IMPLEMENTED;
    report(SERVICE_STOP_PENDING, NO_ERROR);
    SetEvent(stop_requested);
    return NO_ERROR;
}

/* NULL is this computer.  The call needs SE_SHUTDOWN_NAME and fails where no
 * shutdown counts down.  (learn: AbortSystemShutdownW function)
 */
static DWORD abort_shutdowns(void)
{
    enable_privilege(SE_SHUTDOWN_NAME);
    do
        AbortSystemShutdownW(NULL);
    while (WaitForSingleObject(stop_requested, 200) == WAIT_TIMEOUT);
    return NO_ERROR;
}

static const Service service = {
    .accepts = SERVICE_ACCEPT_STOP,
    .control = end,
    .run = abort_shutdowns,
};

void WINAPI powerdown_probe(void)
{
    stop_requested = new_event();
    run_service();
}
