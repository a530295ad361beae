/* powerdown-lingerer.exe MS
 *
 * A program that is slow to end: an ordinary window that agrees to the end of the
 * session and then takes MS milliseconds over WM_ENDSESSION before it returns, as
 * one does that has much to save.  Until then it works normally.
 */

#include "application.h"

BEHAVIOUR({
    "format": 1,
    "kind": "application",
    "window": {"visible": true, "title": "Powerdown lingerer"},
    "query_end_session": "agree",
    "end_session": [{"wait_ms": "%1"}]
});

static DWORD work_ms;

static BOOL agree(void)
{
    return TRUE;
}

static void linger(void)
{
    Sleep(work_ms);
}

static const Application application = {L"Powerdown lingerer", agree, linger};

void WINAPI powerdown_probe(void)
{
    work_ms = number(arguments(1)[0]);
    show(open_window());
    serve();
}
