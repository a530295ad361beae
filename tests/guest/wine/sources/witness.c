/* Looks at windows, services and processes from inside, and touches them as Windows would.
 *
 * Prints what it saw, one line of numbers per answer; ends with 1 where there is nothing to see.
 */

#define _WIN32_WINNT 0x0601
#include <windows.h>
#include <stdio.h>
#include <tlhelp32.h>
#include <wchar.h>

static void nothing(const char *what)
{
    printf("no %s\n", what);
    ExitProcess(1);
}

/* The window of this title, once it is as visible as it is to be. */
static HWND window(const wchar_t *title, BOOL visible)
{
    for (int i = 0; i < 1500; i++) {
        HWND found = FindWindowW(NULL, title);
        if (found && (!visible || IsWindowVisible(found)))
            return found;
        Sleep(10);
    }
    nothing("such window");
    return NULL;
}

/* A process of this name, once there is one. */
static DWORD process(const wchar_t *name)
{
    for (int i = 0; i < 1500; i++) {
        PROCESSENTRY32W entry = {sizeof entry};
        HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
        for (BOOL one = Process32FirstW(all, &entry); one; one = Process32NextW(all, &entry))
            if (!_wcsicmp(entry.szExeFile, name))
                return entry.th32ProcessID;
        CloseHandle(all);
        Sleep(10);
    }
    nothing("such process");
    return 0;
}

/* visible-window | window TITLE: handle, owning thread, whether it is visible */
static void show_window(const wchar_t *title, BOOL visible)
{
    HWND found = window(title, visible);
    printf("%llu %lu %d\n", (unsigned long long)(ULONG_PTR)found,
           GetWindowThreadProcessId(found, NULL), IsWindowVisible(found));
}

/* responds TITLE: whether its thread takes messages */
static void responds(const wchar_t *title)
{
    DWORD_PTR result;
    printf("%d\n", SendMessageTimeoutW(window(title, FALSE), WM_NULL, 0, 0, SMTO_BLOCK, 500,
                                       &result) != 0);
}

/* refused-end TITLE: it is asked, and told that somebody else refused; its answer */
static void refused_end(const wchar_t *title)
{
    HWND found = window(title, TRUE);
    printf("%d\n", (int)SendMessageW(found, WM_QUERYENDSESSION, 0, 0));
    SendMessageW(found, WM_ENDSESSION, FALSE, 0);
}

/* service NAME: state, accepted controls */
static void show_service(const wchar_t *name)
{
    SERVICE_STATUS status = {0};
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = OpenServiceW(manager, name, SERVICE_ALL_ACCESS);
    if (!QueryServiceStatus(service, &status))
        nothing("such service");
    printf("%lu %lu\n", status.dwCurrentState, status.dwControlsAccepted);
}

/* console-event PROCESS EVENT: the thread that Windows starts in a console program when its
   console is closed or the session ends; then whether that thread and the program have ended */
static void console_event(const wchar_t *name, int event)
{
    HANDLE target = OpenProcess(PROCESS_ALL_ACCESS, FALSE, process(name));
    void *routine = GetProcAddress(GetModuleHandleW(L"kernelbase"), "CtrlRoutine");
    HANDLE thread = routine == NULL ? NULL
                                    : CreateRemoteThread(target, NULL, 0, routine,
                                                         (void *)(ULONG_PTR)event, 0, NULL);
    if (thread == NULL)
        nothing("CtrlRoutine");
    printf("%d ", WaitForSingleObject(thread, 500) == WAIT_OBJECT_0);
    printf("%d\n", WaitForSingleObject(target, 0) == WAIT_OBJECT_0);
}

/* priorities PROCESS: processors, priority class, threads of time-critical priority */
static void priorities(const wchar_t *name)
{
    DWORD id = process(name), critical = 0;
    THREADENTRY32 entry = {sizeof entry};
    HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    for (BOOL one = Thread32First(all, &entry); one; one = Thread32Next(all, &entry)) {
        if (entry.th32OwnerProcessID == id) {
            HANDLE thread = OpenThread(THREAD_QUERY_INFORMATION, FALSE, entry.th32ThreadID);
            critical += GetThreadPriority(thread) == THREAD_PRIORITY_TIME_CRITICAL;
            CloseHandle(thread);
        }
    }
    printf("%lu %lu %lu\n", GetActiveProcessorCount(ALL_PROCESSOR_GROUPS),
           GetPriorityClass(OpenProcess(PROCESS_QUERY_INFORMATION, FALSE, id)), critical);
}

int wmain(int count, wchar_t **argument)
{
    const wchar_t *what = argument[1], *whom = argument[2];

    setvbuf(stdout, NULL, _IONBF, 0);
    if (!wcscmp(what, L"window"))
        show_window(whom, FALSE);
    else if (!wcscmp(what, L"visible-window"))
        show_window(whom, TRUE);
    else if (!wcscmp(what, L"responds"))
        responds(whom);
    else if (!wcscmp(what, L"refused-end"))
        refused_end(whom);
    else if (!wcscmp(what, L"service"))
        show_service(whom);
    else if (!wcscmp(what, L"console-event") && count == 4)
        console_event(whom, _wtoi(argument[3]));
    else if (!wcscmp(what, L"priorities"))
        priorities(whom);
    else
        return 2;
    return 0;
}
