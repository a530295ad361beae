/* powerdown-updater.exe DIRECTORY VERSION COMPONENTS DELAY_MS
 *
 * A service that installs an update: it replaces component-1.txt up to
 * component-COMPONENTS.txt in DIRECTORY with VERSION, each on the disk before
 * the next and DELAY_MS apart, between "installing" and "installed" in
 * state.txt.  The four arguments belong to the service's binPath.
 *
 * An orderly shutdown waits for it: it asks for PRESHUTDOWN and completes the
 * installation before it stops.  Power lost in between leaves a mix of versions.
 * STOP gives up at once and leaves a mix too.
 */

#include "probe.h"

/* Named here because headers show them only for Windows Vista and later. */
#ifndef SERVICE_ACCEPT_PRESHUTDOWN
#define SERVICE_ACCEPT_PRESHUTDOWN 0x00000100
#endif
#ifndef SERVICE_CONTROL_PRESHUTDOWN
#define SERVICE_CONTROL_PRESHUTDOWN 0x0000000F
#endif
#ifndef SERVICE_CONFIG_PRESHUTDOWN_INFO
#define SERVICE_CONFIG_PRESHUTDOWN_INFO 7
#endif

/* The service control manager's own default is 10 000 ms since build 15063. */
#define PRESHUTDOWN_TIMEOUT_MS 60000

BEHAVIOUR({
    "format": 1,
    "kind": "service",
    "accepts": ["stop", "preshutdown"],
    "preshutdown_timeout_ms": 60000,
    "run": [
        {"write": "%1\\state.txt", "text": "installing"},
        {"repeat": "%3", "actions": [
            {"write": "%1\\component-%i.txt", "text": "%2"},
            {"wait_ms": "%4"}
        ]},
        {"write": "%1\\state.txt", "text": "installed"}
    ],
    "on_preshutdown": "finish",
    "on_stop": "stop"
});

static const wchar_t *directory;
static const wchar_t *version;
static DWORD components;
static DWORD delay_ms;

static HANDLE stop_requested;
static HANDLE end_after_installation;

static SERVICE_STATUS_HANDLE status_handle;
static SERVICE_STATUS status;
static SRWLOCK status_lock = SRWLOCK_INIT; /* Handler and installation both report. */

static void report(DWORD state, DWORD error)
{
    AcquireSRWLockExclusive(&status_lock);
    if (status.dwCurrentState != SERVICE_STOPPED) { /* The last word has been said. */
        status.dwServiceType = SERVICE_WIN32_OWN_PROCESS;
        status.dwCurrentState = state;
        status.dwControlsAccepted =
            state == SERVICE_RUNNING ? SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PRESHUTDOWN : 0;
        status.dwWin32ExitCode = error;
        status.dwCheckPoint = 0;
        status.dwWaitHint = state == SERVICE_STOP_PENDING ? delay_ms + 5000 : 0;
        SetServiceStatus(status_handle, &status);
    }
    ReleaseSRWLockExclusive(&status_lock);
}

/* While the system waits for the end: there was progress, wait on. */
static void report_progress(void)
{
    AcquireSRWLockExclusive(&status_lock);
    if (status.dwCurrentState == SERVICE_STOP_PENDING) {
        status.dwCheckPoint++;
        SetServiceStatus(status_handle, &status);
    }
    ReleaseSRWLockExclusive(&status_lock);
}

static DWORD WINAPI handle_control(DWORD control, DWORD event, void *data, void *context)
{
    (void)event, (void)data, (void)context;
    switch (control) {
    case SERVICE_CONTROL_INTERROGATE:
        return NO_ERROR;
    case SERVICE_CONTROL_STOP:
        report(SERVICE_STOP_PENDING, NO_ERROR);
        SetEvent(stop_requested);
        return NO_ERROR;
    case SERVICE_CONTROL_PRESHUTDOWN:
        report(SERVICE_STOP_PENDING, NO_ERROR);
        SetEvent(end_after_installation);
        return NO_ERROR;
    }
    return ERROR_CALL_NOT_IMPLEMENTED;
}

static void ask_for_time_at_shutdown(const wchar_t *service_name)
{
    SERVICE_PRESHUTDOWN_INFO info = {PRESHUTDOWN_TIMEOUT_MS};
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service =
        manager == NULL ? NULL : OpenServiceW(manager, service_name, SERVICE_CHANGE_CONFIG);

    if (service != NULL) {
        ChangeServiceConfig2W(service, SERVICE_CONFIG_PRESHUTDOWN_INFO, &info);
        CloseServiceHandle(service);
    }
    if (manager != NULL)
        CloseServiceHandle(manager);
}

static DWORD write_in_directory(const wchar_t *name, const wchar_t *text)
{
    static wchar_t path[LONGEST_PATH];

    wsprintfW(path, L"%s\\%s", directory, name);
    return write_text(path, text);
}

static DWORD install(void)
{
    wchar_t name[32];
    DWORD error = write_in_directory(L"state.txt", L"installing");

    for (DWORD i = 1; i <= components && error == ERROR_SUCCESS; i++) {
        wsprintfW(name, L"component-%u.txt", i);
        error = write_in_directory(name, version);
        report_progress();
        if (WaitForSingleObject(stop_requested, delay_ms) == WAIT_OBJECT_0)
            return error;
    }
    if (error == ERROR_SUCCESS)
        error = write_in_directory(L"state.txt", L"installed");
    return error;
}

static void WINAPI service_main(DWORD count, wchar_t **names)
{
    HANDLE ends[2] = {stop_requested, end_after_installation};
    DWORD error;

    (void)count;
    status_handle = RegisterServiceCtrlHandlerExW(names[0], handle_control, NULL);
    if (status_handle == NULL)
        return;
    report(SERVICE_START_PENDING, NO_ERROR);
    ask_for_time_at_shutdown(names[0]);
    report(SERVICE_RUNNING, NO_ERROR);

    error = install();
    if (error == ERROR_SUCCESS)
        WaitForMultipleObjects(2, ends, FALSE, INFINITE);
    report(SERVICE_STOPPED, error);
}

/* A decimal number; ends the program with ERROR_INVALID_PARAMETER at any other text. */
static DWORD number(const wchar_t *text)
{
    DWORD value = 0;

    if (*text == 0)
        ExitProcess(ERROR_INVALID_PARAMETER);
    for (; *text != 0; text++) {
        if (*text < L'0' || *text > L'9' || value > 99999999)
            ExitProcess(ERROR_INVALID_PARAMETER);
        value = value * 10 + (DWORD)(*text - L'0');
    }
    return value;
}

void WINAPI powerdown_probe(void)
{
    /* Windows takes the name in the table of a process of its own as a comment. */
    static wchar_t name[] = L"";
    static SERVICE_TABLE_ENTRYW table[] = {{name, service_main}, {NULL, NULL}};
    wchar_t **argument = arguments(4);

    directory = argument[0];
    version = argument[1];
    components = number(argument[2]);
    delay_ms = number(argument[3]);
    if (lstrlenW(directory) + 32 > LONGEST_PATH)
        ExitProcess(ERROR_INVALID_PARAMETER);

    stop_requested = CreateEventW(NULL, TRUE, FALSE, NULL);
    end_after_installation = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (stop_requested == NULL || end_after_installation == NULL)
        ExitProcess(GetLastError());
    if (!StartServiceCtrlDispatcherW(table))
        ExitProcess(GetLastError()); /* 1063 when a person started it: it is a service. */
    ExitProcess(ERROR_SUCCESS);
}
