/* powerdown-refuser.exe
 *
 * A program that does not agree to end: an ordinary window that answers FALSE to
 * WM_QUERYENDSESSION and gives no reason.
 */

#include "application.h"

BEHAVIOUR({
    "format": 1,
    "kind": "application",
    "window": {"visible": true, "title": "Powerdown refuser"},
    "query_end_session": "refuse"
});

static const Application application = {L"Powerdown refuser", refuse, NULL};

void WINAPI powerdown_probe(void)
{
    show(open_window());
    serve();
}
