/* What the services share: status reports, and the way from start to stop.
 *
 * (learn: Service Control Handler Function; RegisterServiceCtrlHandlerExW function;
 * SERVICE_STATUS structure)
 */

#ifndef POWERDOWN_SERVICE_H
#define POWERDOWN_SERVICE_H

#include "probe.h"

/* One per program. */
typedef struct {
    DWORD accepts;                        /* SERVICE_ACCEPT_*, while it runs. */
    void (*prepare)(const wchar_t *name); /* Before it runs; NULL: nothing to do. */
    DWORD (*control)(DWORD control);      /* What the control handler returns. */
    DWORD (*run)(void);                   /* Once it runs.  Its end is the service's: exit code. */
} Service;

static const Service service;

static SERVICE_STATUS_HANDLE status_handle;
static SERVICE_STATUS status;
static SRWLOCK status_lock = SRWLOCK_INIT; /* Handler and work both report. */

/* How long the system shall wait for the next report of progress. */
static DWORD stop_hint_ms = 5000;

static inline void report(DWORD state, DWORD error)
{
    AcquireSRWLockExclusive(&status_lock);
    if (status.dwCurrentState != SERVICE_STOPPED) { /* The last word has been said. */
        status.dwServiceType = SERVICE_WIN32_OWN_PROCESS;
        status.dwCurrentState = state;
        status.dwControlsAccepted = state == SERVICE_RUNNING ? service.accepts : 0;
        status.dwWin32ExitCode = error;
        status.dwCheckPoint = 0;
        status.dwWaitHint = state == SERVICE_STOP_PENDING ? stop_hint_ms : 0;
        SetServiceStatus(status_handle, &status);
    }
    ReleaseSRWLockExclusive(&status_lock);
}

/* While the system waits for the end: there was progress, wait on. */
static inline void report_progress(void)
{
    AcquireSRWLockExclusive(&status_lock);
    if (status.dwCurrentState == SERVICE_STOP_PENDING) {
        status.dwCheckPoint++;
        SetServiceStatus(status_handle, &status);
    }
    ReleaseSRWLockExclusive(&status_lock);
}

/* How long a shutdown waits for this service at PRESHUTDOWN, kept in the service's
 * registry key.  The system's own default is 10 000 ms since build 15063.
 * (learn: ChangeServiceConfig2W function, SERVICE_PRESHUTDOWN_INFO structure)
 */
static inline void set_preshutdown_timeout(const wchar_t *name, DWORD milliseconds)
{
    SERVICE_PRESHUTDOWN_INFO info = {milliseconds};
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE own = manager == NULL ? NULL : OpenServiceW(manager, name, SERVICE_CHANGE_CONFIG);

    if (own != NULL) {
        ChangeServiceConfig2W(own, SERVICE_CONFIG_PRESHUTDOWN_INFO, &info);
        CloseServiceHandle(own);
    }
    if (manager != NULL)
        CloseServiceHandle(manager);
}

/* An event that stays set; ends the program when Windows makes none. */
static inline HANDLE new_event(void)
{
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    if (event == NULL)
        ExitProcess(GetLastError());
    return event;
}

/* For a control handler: STOP and PRESHUTDOWN each set an event that the work waits for. */
static inline DWORD announce_end(DWORD control, HANDLE stop, HANDLE preshutdown)
{
    if (control != SERVICE_CONTROL_STOP && control != SERVICE_CONTROL_PRESHUTDOWN)
        return ERROR_CALL_NOT_IMPLEMENTED;
    report(SERVICE_STOP_PENDING, NO_ERROR);
    SetEvent(control == SERVICE_CONTROL_STOP ? stop : preshutdown);
    return NO_ERROR;
}

static inline DWORD WINAPI handle_control(DWORD control, DWORD event, void *data, void *context)
{
    (void)event, (void)data, (void)context;
    return control == SERVICE_CONTROL_INTERROGATE ? NO_ERROR : service.control(control);
}

static inline void WINAPI service_main(DWORD count, wchar_t **names)
{
    (void)count;
    status_handle = RegisterServiceCtrlHandlerExW(names[0], handle_control, NULL);
    if (status_handle == NULL)
        return;
    report(SERVICE_START_PENDING, NO_ERROR);
    if (service.prepare != NULL)
        service.prepare(names[0]);
    report(SERVICE_RUNNING, NO_ERROR);
    report(SERVICE_STOPPED, service.run());
}

/* Serves the service control manager; ends the program when the service has stopped. */
static inline void run_service(void)
{
    /* Windows takes the name in the table of a process of its own as a comment. */
    static wchar_t name[] = L"";
    static SERVICE_TABLE_ENTRYW table[] = {{name, service_main}, {NULL, NULL}};

    if (!StartServiceCtrlDispatcherW(table))
        ExitProcess(GetLastError()); /* 1063 when a person started it: it is a service. */
    ExitProcess(ERROR_SUCCESS);
}

#endif
