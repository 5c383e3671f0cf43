/* vmmc_borrow: see vmmc_lend.h.  The borrower's side: tokens are checked, windows of the lent memory mapped.
 *
 * A token comes back from the program, so anything may stand in it; it has to be equal to what the lender has published
 * in the arena, which may be wrong as well, and is checked in turn.  Mapping costs a hundred times as much as the rest,
 * so a few windows are kept when nobody uses them, and a window is rather too large than too small. */
#include "vmmc_private.h"

#include <stdlib.h>

#define WINDOW_BYTES (sizeof(void *) == 8 ? 256ull << 20 : 32ull << 20) /* or what one loan needs */
#define KEPT_WINDOWS 16                                                 /* per link, that nobody uses ... */
#define KEPT_BYTES (4 * WINDOW_BYTES)                                   /* ... and all together */

/* ---- windows ---- */

static bool is_freed(const vmmc_link_t *link, uint32_t memory, uint32_t generation)
{
    const lending_shm_t *shared = &link->arena->lending[1 - link->side];
    return load_acquire(&shared->memories[memory]) != generation || vmmc_link_is_dead(link);
}

static bool covers(const window_t *window, const loan_token_t *token)
{
    const os_window_t *view = &window->view;
    uint64_t at = token->offset - view->offset;
    return memcmp(window->key, token->key, sizeof token->key) == 0 && window->memory == token->memory &&
           window->memory_generation == token->memory_generation &&
           view->writable == ((token->flags & LOAN_WRITABLE) != 0) && token->offset >= view->offset &&
           at <= view->length && token->length <= view->length - at;
}

/* Called with the borrowing locked; takes a use. */
static window_t *find_window(borrowing_t *borrowing, const loan_token_t *token)
{
    for (window_t **at = &borrowing->windows; *at; at = &(*at)->next) {
        window_t *window = *at;
        if (!covers(window, token))
            continue;
        *at = window->next;
        window->next = borrowing->windows;
        borrowing->windows = window;
        window->users++;
        return window;
    }
    return NULL;
}

static void close_windows(window_t *windows)
{
    while (windows) {
        window_t *window = windows;
        windows = window->next;
        os_window_close(&window->view);
        free(window);
    }
}

/* Take out what is not in use and either not to be kept or freed; called with the borrowing locked.  They are unmapped
 * after that. */
static window_t *take_surplus(vmmc_link_t *link, unsigned keep)
{
    window_t *surplus = NULL;
    uint64_t kept_bytes = 0;
    for (window_t **at = &link->borrowing.windows; *at;) {
        window_t *window = *at;
        bool fits = keep > 0 && kept_bytes + window->view.length <= KEPT_BYTES;
        if (window->users || (fits && !is_freed(link, window->memory, window->memory_generation))) {
            keep -= window->users == 0;
            kept_bytes += window->users ? 0 : window->view.length;
            at = &window->next;
        } else {
            *at = window->next;
            window->next = surplus;
            surplus = window;
        }
    }
    return surplus;
}

static void trim(vmmc_link_t *link, void *keep)
{
    lock_take(&link->borrowing.lock);
    window_t *surplus = take_surplus(link, *(unsigned *)keep);
    lock_release(&link->borrowing.lock);
    close_windows(surplus);
}

void vmmc_forget_freed(void)
{
    unsigned keep = KEPT_WINDOWS;
    vmmc_each_link(trim, &keep);
}

void vmmc__windows_close(vmmc_link_t *link)
{
    close_windows(link->borrowing.windows);
}

/* A window in a grid, so that other ranges will find it, unless the range does not fit into one. */
static os_window_t window_for(const loan_token_t *token, bool narrow)
{
    uint64_t from = token->offset / WINDOW_BYTES * WINDOW_BYTES, to = from + WINDOW_BYTES;
    if (narrow || token->offset + token->length > to) {
        from = token->offset / OS_WINDOW_STEP * OS_WINDOW_STEP;
        to = token->offset + token->length;
    }
    if (to > token->memory_length)
        to = token->memory_length;
    return (os_window_t){
        .offset = from, .length = (size_t)(to - from), .writable = (token->flags & LOAN_WRITABLE) != 0};
}

static int open_view(const loan_token_t *token, os_window_t *view)
{
    char name[80];
    unsigned none = 0;
    if (token->length > SIZE_MAX - OS_WINDOW_STEP)
        return VMMC_ENOMEM;
    vmmc__memory_name(token->key, name);
    *view = window_for(token, false);
    int error = os_window_open(view, name, token->memory_length);
    if (error != VMMC_ENOMEM)
        return error;
    vmmc_each_link(trim, &none);
    *view = window_for(token, true);
    return os_window_open(view, name, token->memory_length);
}

static int open_window(const loan_token_t *token, window_t **out)
{
    window_t *window = calloc(1, sizeof *window);
    if (!window)
        return VMMC_ENOMEM;
    int error = open_view(token, &window->view);
    if (error) {
        free(window);
        return error == VMMC_ENOMEM ? error : VMMC_EACCES;
    }
    memcpy(window->key, token->key, sizeof window->key);
    window->memory = token->memory;
    window->memory_generation = token->memory_generation;
    window->users = 1;
    *out = window;
    return 0;
}

/* Should another thread map the same meanwhile, there are two. */
static int use_window(vmmc_link_t *link, const loan_token_t *token, window_t **out)
{
    borrowing_t *borrowing = &link->borrowing;
    lock_take(&borrowing->lock);
    *out = find_window(borrowing, token);
    lock_release(&borrowing->lock);
    int error = *out ? 0 : open_window(token, out);
    if (error || (*out)->listed)
        return error;
    lock_take(&borrowing->lock);
    (*out)->listed = true;
    (*out)->next = borrowing->windows;
    borrowing->windows = *out;
    lock_release(&borrowing->lock);
    return 0;
}

/* Called with the borrowing locked; what is returned is to be closed afterwards. */
static window_t *drop_window(vmmc_link_t *link, window_t *window)
{
    return --window->users ? NULL : take_surplus(link, KEPT_WINDOWS);
}

/* ---- accepting ---- */

/* The lender's entry, if it says what the token says. */
static bool is_published(const vmmc_link_t *link, const loan_token_t *token)
{
    const lent_shm_t *entry = &link->arena->lending[1 - link->side].lent[token->index];
    uint32_t words[LOAN_WORDS];
    memcpy(words, token, sizeof words);
    bool same = load_acquire(&entry->words[0]) == words[0]; /* pairs with the release in publish(), vmmc_lend.c */
    for (unsigned i = 1; i < LOAN_WORDS; i++)
        same = same && load_relaxed(&entry->words[i]) == words[i];
    return same;
}

static bool is_valid(const vmmc_link_t *link, uint32_t mailbox, const loan_token_t *token)
{
    return token->generation % 2 == 1 && token->index < ARENA_LOANS && token->mailbox == mailbox &&
           token->link == vmmc__link_hash(link) && (token->flags & ~LOAN_WRITABLE) == 0 &&
           token->memory < ARENA_MEMORIES && token->memory_generation % 2 == 1 && token->length > 0 &&
           token->offset < token->memory_length && token->length <= token->memory_length - token->offset &&
           is_published(link, token) && !is_freed(link, token->memory, token->memory_generation);
}

/* Once per loan: whoever comes first. */
static bool claim(borrowing_t *borrowing, const loan_token_t *token, uint32_t *previous)
{
    lock_take(&borrowing->lock);
    *previous = borrowing->loans[token->index].generation;
    bool first = *previous != token->generation && !borrowing->loans[token->index].window;
    if (first)
        borrowing->loans[token->index].generation = token->generation;
    lock_release(&borrowing->lock);
    return first;
}

static void unclaim(borrowing_t *borrowing, const loan_token_t *token, uint32_t previous)
{
    lock_take(&borrowing->lock);
    if (borrowing->loans[token->index].generation == token->generation)
        borrowing->loans[token->index].generation = previous;
    lock_release(&borrowing->lock);
}

static borrowed_shm_t *shared_words(vmmc_link_t *link, uint32_t index)
{
    return &link->arena->lending[1 - link->side].borrowed[index];
}

/* Called with the borrowing locked; `accepted` and `memories` are explained in shm_layout.h.  False: too late. */
static bool announce(vmmc_link_t *link, const loan_token_t *token)
{
    borrowed_shm_t *shared = shared_words(link, token->index);
    if (link->borrowing.loans[token->index].generation != token->generation)
        return false;
    store_release(&shared->accepted, token->generation);
    full_fence();
    if (!is_freed(link, token->memory, token->memory_generation))
        return true;
    store_release(&shared->returned, token->generation);
    return false;
}

static int take_loan(vmmc_link_t *link, const loan_token_t *token, window_t *window, vmmc_borrowed_t *borrowed)
{
    borrowing_t *borrowing = &link->borrowing;
    window_t *surplus = NULL;
    lock_take(&borrowing->lock);
    bool ours = announce(link, token);
    if (ours) {
        borrowed->bytes = (uint8_t *)window->view.base + (size_t)(token->offset - window->view.offset);
        borrowed->length = token->length;
        borrowed->writable = window->view.writable;
        borrowing->loans[token->index].window = window;
        borrowing->loans[token->index].bytes = borrowed->bytes;
    } else {
        surplus = drop_window(link, window);
    }
    lock_release(&borrowing->lock);
    close_windows(surplus);
    if (!ours)
        vmmc__tell_lender(link);
    return ours ? 0 : VMMC_EACCES;
}

int vmmc_accept(vmmc_link_t *link, uint32_t mailbox, const vmmc_loan_token_t *token, vmmc_borrowed_t *borrowed)
{
    loan_token_t claimed;
    window_t *window;
    uint32_t previous;
    memcpy(&claimed, token, sizeof claimed);
    if (!is_valid(link, mailbox, &claimed) || !claim(&link->borrowing, &claimed, &previous))
        return VMMC_EACCES;
    int error = use_window(link, &claimed, &window);
    if (error)
        unclaim(&link->borrowing, &claimed, previous);
    return error ? error : take_loan(link, &claimed, window, borrowed);
}

/* ---- returning ---- */

typedef struct giving_back {
    loan_token_t token;
    const void *bytes;
    int result;
} giving_back_t;

static void give_back(vmmc_link_t *link, void *context)
{
    giving_back_t *request = context;
    borrowing_t *borrowing = &link->borrowing;
    uint32_t index = request->token.index;
    window_t *surplus = NULL;
    if (request->result == 0 || request->token.link != vmmc__link_hash(link))
        return;
    lock_take(&borrowing->lock);
    bool known = borrowing->loans[index].window && borrowing->loans[index].generation == request->token.generation;
    bool given = known && borrowing->loans[index].bytes == request->bytes;
    if (given) {
        store_release(&shared_words(link, index)->returned, request->token.generation); /* pairs with is_back() */
        surplus = drop_window(link, borrowing->loans[index].window);
        borrowing->loans[index].window = NULL;
    }
    lock_release(&borrowing->lock);
    close_windows(surplus);
    if (given)
        vmmc__tell_lender(link);
    if (given || known)
        request->result = given ? 0 : VMMC_EACCES;
}

int vmmc_return(const vmmc_loan_token_t *token, const void *bytes)
{
    giving_back_t request = {.bytes = bytes, .result = VMMC_EINVAL};
    memcpy(&request.token, token, sizeof request.token);
    if (request.token.index < ARENA_LOANS)
        vmmc_each_link(give_back, &request);
    return request.result;
}

void vmmc__tell_lender(vmmc_link_t *link)
{
    lending_shm_t *shared = &link->arena->lending[1 - link->side];
    lock_take(&link->borrowing.lock);
    store_release(&shared->changes, ++link->borrowing.changes); /* pairs with the acquire in vmmc_returns() */
    lock_release(&link->borrowing.lock);
    uint32_t reclaimer = load_relaxed(&shared->reclaimer);
    if (reclaimer)
        vmmc_notify(link, reclaimer);
}
