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

#include "files.h"
#include "service.h"

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

static void ask_for_time_at_shutdown(const wchar_t *name)
{
    set_preshutdown_timeout(name, 60000);
}

static DWORD end(DWORD control)
{
    return announce_end(control, stop_requested, end_after_installation);
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

static DWORD install_and_wait(void)
{
    HANDLE ends[2] = {stop_requested, end_after_installation};
    DWORD error = install();

    if (error == ERROR_SUCCESS)
        WaitForMultipleObjects(2, ends, FALSE, INFINITE);
    return error;
}

static const Service service = {
    .accepts = SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PRESHUTDOWN,
    .prepare = ask_for_time_at_shutdown,
    .control = end,
    .run = install_and_wait,
};

void WINAPI powerdown_probe(void)
{
    wchar_t **argument = arguments(4);

    directory = argument[0];
    version = argument[1];
    components = number(argument[2]);
    delay_ms = number(argument[3]);
    if (lstrlenW(directory) + 32 > LONGEST_PATH)
        ExitProcess(ERROR_INVALID_PARAMETER);
    stop_hint_ms += delay_ms;
    stop_requested = new_event();
    end_after_installation = new_event();
    run_service();
}
