/* A service control manager of the tests' own, with a probe service (PROBE) compiled in.
 *
 * It starts the service with this program's arguments and sends it the controls that it reads from
 * its input, a number each. It prints what happens, in order:
 *
 *   status STATE CHECK_POINT ACCEPTED WAIT_HINT_MS
 *   answer RETURNED                  the control handler came back
 *   abort PRIVILEGED MILLISECONDS    AbortSystemShutdown was called; whether SE_SHUTDOWN_NAME is
 *                                    enabled, and the tick count
 *
 * It ends when the service has stopped: what is not done by then is lost, as in a shutdown.
 */

#include "probe.h"
#include <stdio.h>
#include <stdlib.h>

static LPHANDLER_FUNCTION_EX handler;
static HANDLE registered;
static HANDLE answered; /* Set unless the handler is at work. */

static SERVICE_STATUS_HANDLE WINAPI register_handler(
    const wchar_t *name, LPHANDLER_FUNCTION_EX given, void *context)
{
    handler = given;
    SetEvent(registered);
    return (SERVICE_STATUS_HANDLE)1;
}

static BOOL WINAPI set_status(SERVICE_STATUS_HANDLE handle, SERVICE_STATUS *status)
{
    printf("status %lu %lu %lu %lu\n", status->dwCurrentState, status->dwCheckPoint,
           status->dwControlsAccepted, status->dwWaitHint);
    if (status->dwCurrentState == SERVICE_STOPPED) {
        WaitForSingleObject(answered, 1000);
        ExitProcess(0);
    }
    return TRUE;
}

static BOOL WINAPI abort_shutdown(wchar_t *machine)
{
    PRIVILEGE_SET needed = {1, PRIVILEGE_SET_ALL_NECESSARY};
    BOOL enabled = FALSE;
    HANDLE token;

    OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token);
    LookupPrivilegeValueW(NULL, L"SeShutdownPrivilege", &needed.Privilege[0].Luid);
    PrivilegeCheck(token, &needed, &enabled);
    CloseHandle(token);
    printf("abort %d %lu\n", enabled && machine == NULL, GetTickCount());
    SetLastError(ERROR_NO_SHUTDOWN_IN_PROGRESS);
    return FALSE;
}

static BOOL WINAPI dispatch(const SERVICE_TABLE_ENTRYW *table);

#define RegisterServiceCtrlHandlerExW register_handler
#define SetServiceStatus set_status
#define StartServiceCtrlDispatcherW dispatch
#define OpenSCManagerW(machine, database, access) NULL
#define AbortSystemShutdownW abort_shutdown
#include PROBE

static DWORD WINAPI run_main(void *table)
{
    static wchar_t *names[] = {L"own", NULL};
    ((const SERVICE_TABLE_ENTRYW *)table)->lpServiceProc(1, names);
    return 0;
}

static BOOL WINAPI dispatch(const SERVICE_TABLE_ENTRYW *table)
{
    char control[16];

    setvbuf(stdout, NULL, _IONBF, 0);
    abort_shutdown(NULL); /* Whether the privilege is there from the start. */
    registered = CreateEventW(NULL, TRUE, FALSE, NULL);
    answered = CreateEventW(NULL, TRUE, TRUE, NULL);
    CreateThread(NULL, 0, run_main, (void *)table, 0, NULL);
    WaitForSingleObject(registered, INFINITE);
    while (fgets(control, sizeof control, stdin) != NULL) {
        ResetEvent(answered);
        printf("answer %lu\n", handler(strtoul(control, NULL, 10), 0, NULL, NULL));
        SetEvent(answered);
    }
    return TRUE;
}

int main(void)
{
    powerdown_probe();
}
