/* powerdown-console.exe
 *
 * A console program that does not end: whatever its console is told (closed,
 * logged off, shut down), the handler never comes back.
 *
 * The system runs the handler in a thread of its own, ends the program when the
 * handler returns, and waits for that only so long: by default 5 s after
 * CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT and CTRL_SHUTDOWN_EVENT.  The page also says
 * that of the last two only services hear; which of the three a program on the
 * desktop gets at shutdown is fact:console-close-event.  (learn: HandlerRoutine
 * callback function)
 *
 * Links kernel32 only.  A process that has loaded user32 or gdi32 counts as a
 * Windows application, and its handler is not called for CTRL_LOGOFF_EVENT and
 * CTRL_SHUTDOWN_EVENT.  (learn: SetConsoleCtrlHandler function)
 */

#include "probe.h"

BEHAVIOUR({
    "format": 1,
    "kind": "application",
    "console": true,
    "on_console_close": "ignore"
});

static BOOL WINAPI never_return(DWORD event)
{
    (void)event;
    Sleep(INFINITE);
    return TRUE;
}

void WINAPI powerdown_probe(void)
{
    if (!SetConsoleCtrlHandler(never_return, TRUE))
        ExitProcess(GetLastError());
    Sleep(INFINITE);
}
