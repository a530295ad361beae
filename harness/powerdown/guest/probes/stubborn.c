/* powerdown-stubborn.exe
 *
 * A service that does not end: it accepts STOP and SHUTDOWN, does nothing about
 * either and goes on running.  Only the system's patience or the end of its
 * process stops it.
 */

#include "service.h"

BEHAVIOUR({
    "format": 1,
    "kind": "service",
    "accepts": ["stop", "shutdown"],
    "on_stop": "ignore",
    "on_shutdown": "ignore"
});

static DWORD ignore(DWORD control)
{
    return control == SERVICE_CONTROL_STOP || control == SERVICE_CONTROL_SHUTDOWN
               ? NO_ERROR
               : ERROR_CALL_NOT_IMPLEMENTED;
}

static DWORD idle(void)
{
    Sleep(INFINITE);
    return NO_ERROR;
}

static const Service service = {
    .accepts = SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN,
    .control = ignore,
    .run = idle,
};

void WINAPI powerdown_probe(void)
{
    run_service();
}
