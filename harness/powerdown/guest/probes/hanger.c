/* powerdown-hanger.exe
 *
 * A program that hangs when the session is to end: an ordinary window whose
 * thread never comes back from WM_QUERYENDSESSION.  Until then it works normally.
 */

#include "application.h"

BEHAVIOUR({
    "format": 1,
    "kind": "application",
    "window": {"visible": true, "title": "Powerdown hanger"},
    "query_end_session": "hang"
});

static BOOL hang(void)
{
    Sleep(INFINITE);
    return FALSE;
}

static const Application application = {L"Powerdown hanger", hang, NULL};

void WINAPI powerdown_probe(void)
{
    show(open_window());
    serve();
}
