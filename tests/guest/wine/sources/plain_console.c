/* A console program that does nothing about console events. */

#include <windows.h>

int main(void)
{
    Sleep(INFINITE);
    return 0;
}
