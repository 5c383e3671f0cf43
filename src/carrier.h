/* carrier: what carries the bytes of one direction, and what is done when something happens to it.
 *
 * This table is the whole policy of the carrier switch; stream_room.c and stream_follow.c carry the actions out, and the
 * tests walk it. */
#ifndef VMMC_CARRIER_H
#define VMMC_CARRIER_H

typedef enum carrier {
    CARRIER_KERNEL, /* the kernel connection, every byte announced in `tail`; also how a connection begins */
    CARRIER_RING,
    CARRIER_FINAL, /* the kernel connection for good: nothing is announced, the kernel's own calls are used */
    CARRIER_COUNT
} carrier_t;

/* ---- the sender's side ---- */

typedef enum tx_event {
    TX_OFFERED,     /* the receiver has acted on every switch and offers a ring we are not using */
    TX_FULL,        /* no room, and the receiver makes no progress */
    TX_LEAVE,       /* this process needs the socket to be the kernel's */
    TX_PEER_LEAVES, /* the receiver's process does */
    TX_SHUT,        /* no more bytes will be sent */
    TX_CLOSE,       /* the socket is closed */
    TX_EVENT_COUNT
} tx_event_t;

typedef enum tx_action {
    TX_NOTHING,
    TX_TO_RING,         /* publish a switch to the offered ring */
    TX_TO_KERNEL,       /* publish a switch to the kernel, announced */
    TX_TO_FINAL,        /* publish a switch to the kernel and the FINAL mark */
    TX_MARK_FINAL,      /* only the mark: the kernel carries already */
    TX_WAIT_KERNEL,     /* wait until the kernel has room */
    TX_FIN_RING,        /* publish FIN behind the last byte */
    TX_FIN_KERNEL,      /* FINAL mark, then the kernel's own end of stream */
    TX_CLOSE_RING       /* publish CLOSED behind the last byte */
} tx_action_t;

static inline tx_action_t tx_decide(carrier_t carrier, tx_event_t event)
{
    static const tx_action_t table[CARRIER_COUNT][TX_EVENT_COUNT] = {
        /*                   offered     full            leave          peer leaves    shut           close         */
        [CARRIER_KERNEL] = {TX_TO_RING, TX_WAIT_KERNEL, TX_MARK_FINAL, TX_MARK_FINAL, TX_FIN_KERNEL, TX_MARK_FINAL},
        [CARRIER_RING] = {TX_TO_RING, TX_TO_KERNEL, TX_TO_FINAL, TX_TO_FINAL, TX_FIN_RING, TX_CLOSE_RING},
        [CARRIER_FINAL] = {TX_NOTHING, TX_WAIT_KERNEL, TX_NOTHING, TX_NOTHING, TX_FIN_KERNEL, TX_NOTHING},
    };
    return table[carrier][event];
}

/* ---- the receiver's side: what to do where the bytes of a carrier end ---- */

typedef enum rx_event {
    RX_SWITCH_TO_RING,   /* a published switch: the next carrier is a ring */
    RX_SWITCH_TO_KERNEL, /* ... is the kernel */
    RX_FINAL_MARK,       /* no switch, but the sender has left for good */
    RX_PEER_DEAD,        /* no switch, and the sender's process is gone */
    RX_END,              /* no switch, and FIN or CLOSED */
    RX_EVENT_COUNT
} rx_event_t;

typedef enum rx_action {
    RX_NOTHING,
    RX_FOLLOW_RING,
    RX_FOLLOW_KERNEL, /* and offer a ring for later */
    RX_TO_FINAL,      /* leave the rest to the kernel's own calls */
    RX_EOF,           /* report the end of the stream, or the reset */
    RX_BROKEN         /* cannot happen with an honest sender */
} rx_action_t;

static inline rx_action_t rx_decide(carrier_t carrier, rx_event_t event)
{
    static const rx_action_t table[CARRIER_COUNT][RX_EVENT_COUNT] = {
        /*                   to ring         to kernel         final mark   peer dead    end    */
        [CARRIER_KERNEL] = {RX_FOLLOW_RING, RX_BROKEN, RX_TO_FINAL, RX_TO_FINAL, RX_TO_FINAL},
        [CARRIER_RING] = {RX_FOLLOW_RING, RX_FOLLOW_KERNEL, RX_BROKEN, RX_EOF, RX_EOF},
        [CARRIER_FINAL] = {RX_NOTHING, RX_NOTHING, RX_NOTHING, RX_NOTHING, RX_NOTHING},
    };
    return table[carrier][event];
}

#endif
