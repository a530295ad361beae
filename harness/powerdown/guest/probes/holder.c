/* powerdown-holder.exe TIMEOUT_MS WORK_MS
 *
 * A service that holds up a shutdown: it sets TIMEOUT_MS as its preshutdown
 * timeout and, at PRESHUTDOWN, works for WORK_MS, reporting progress each second,
 * before it stops.  STOP stops it at once while it does not work yet.
 *
 * The system waits at PRESHUTDOWN until the service has stopped or the timeout has
 * passed; reports of progress do not extend it (learn: SERVICE_PRESHUTDOWN_INFO
 * structure).
 */

#include "service.h"

#define STEP_MS 1000

BEHAVIOUR({
    "format": 1,
    "kind": "service",
    "accepts": ["stop", "preshutdown"],
    "preshutdown_timeout_ms": "%1",
    "preshutdown": [{"wait_ms": "%2"}],
    "on_preshutdown": "finish",
    "on_stop": "stop"
});

static DWORD timeout_ms;
static DWORD work_ms;

static HANDLE stop_requested;
static HANDLE work_requested;

static void ask_for_time_at_shutdown(const wchar_t *name)
{
    set_preshutdown_timeout(name, timeout_ms);
}

static DWORD end(DWORD control)
{
    return announce_end(control, stop_requested, work_requested);
}

static void work(void)
{
    for (DWORD left = work_ms; left > 0;) {
        DWORD step = left < STEP_MS ? left : STEP_MS;

        Sleep(step);
        left -= step;
        report_progress();
    }
}

static DWORD wait_and_work(void)
{
    HANDLE ends[2] = {stop_requested, work_requested};

    if (WaitForMultipleObjects(2, ends, FALSE, INFINITE) == WAIT_OBJECT_0 + 1)
        work();
    return NO_ERROR;
}

static const Service service = {
    .accepts = SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PRESHUTDOWN,
    .prepare = ask_for_time_at_shutdown,
    .control = end,
    .run = wait_and_work,
};

void WINAPI powerdown_probe(void)
{
    wchar_t **argument = arguments(2);

    timeout_ms = number(argument[0]);
    work_ms = number(argument[1]);
    stop_requested = new_event();
    work_requested = new_event();
    run_service();
}
