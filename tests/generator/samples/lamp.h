/* Header of an invented DLL: what the tests of the generator read prototypes from. */
#ifndef LAMP_H
#define LAMP_H

#define LAMP_API_LINKAGE
#define lamp_colour(x) lamp_colour_index(x)   // a macro is no declaration: int WINAPI lamp_fade(void);

#ifdef __cplusplus
extern "C" {
#endif

typedef int (WINAPI *lamp_hook)(const char *);

/* int WINAPI lamp_off(void);  an old form */
LAMP_API_LINKAGE int WINAPI lamp_on(HANDLE lamp, const struct tagPOINT *where,
    DWORD, char name[], unsigned __LONG32 *);
extern BOOL __stdcall lamp_off(HANDLE);
__declspec(dllimport) void WINAPI lamp_wait(void);
LPSTR WINAPI lamp_name(HANDLE lamp);
int lamp_count(int a, int b);
struct lamp_state WINAPI lamp_state(HANDLE lamp);
int __cdecl lamp_print(const char *format, ...);

static __inline int lamp_twice(HANDLE lamp) { return lamp_fade(lamp); }

#ifdef __cplusplus
}
#endif

#endif
