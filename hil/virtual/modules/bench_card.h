/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The bench card: memory that guest and host share, and a doorbell in each direction.
 *
 * The words are those of hil/virtual/registers.py; a change here is a change there. Each word has
 * one writer. What the guest writes is bracketed by BENCH_SEQUENCE, which is odd meanwhile.
 */
#ifndef BENCH_CARD_H
#define BENCH_CARD_H

#include <linux/types.h>

#define BENCH_MAGIC 0x53424331
#define BENCH_LINES 28
#define BENCH_PWMS 2
#define BENCH_ADCS 8
#define BENCH_TRACES 512

enum bench_word {
	BENCH_W_MAGIC = 0,	/* host */
	BENCH_W_SEQUENCE = 1,	/* guest: odd while it writes */
	BENCH_W_PROBES = 2,	/* guest: how often a kernel has found the card */
	BENCH_W_TRACED = 3,	/* guest: how many records were ever traced */
	BENCH_W_LOOKED = 4,	/* guest: nanoseconds low, high when it last looked at what it was rung for */
	BENCH_W_NOW = 6,	/* guest: nanoseconds low, high, some ten times in a second */
	BENCH_W_WRITTEN = 8,	/* guest: how often it has changed outputs that the host is told of */
	BENCH_W_DIRECTION = 16,	/* guest: a bit for each line, 1 is an output */
	BENCH_W_OUTPUT = 17,	/* guest: the levels of the outputs */
	BENCH_W_PULL_UP = 18,	/* guest: inputs that float high */
	BENCH_W_DRIVEN = 20,	/* host: lines that the outside world drives */
	BENCH_W_INPUT = 21,	/* host: their levels */
	BENCH_W_QUIET = 22,	/* host: lines of which it is neither rung for nor told in the trace */
	BENCH_W_ATTENDED = 23,	/* host: 1 while somebody outside answers what the guest drives */
	BENCH_W_ANSWERED = 24,	/* host: the number of changes of outputs that the outside has seen */
	BENCH_W_OWING = 25,	/* host: 1 while something follows from them that the guest cannot see yet */
	BENCH_W_PWM = 32,	/* per channel: period ns, duty ns, enabled (guest); refuse (host) */
	BENCH_W_ADC = 48,	/* host, per channel: raw value while PWM 0 is high, and while it is low */
	BENCH_W_ADC_BROKEN = 64,/* host: a bit for each channel that cannot be read */
	BENCH_W_TRACE = 1024,	/* guest, per record: nanoseconds low, high, kind, value */
};

enum bench_trace {
	BENCH_T_LEVELS = 1,	/* value: the levels of all lines after a change */
	BENCH_T_PWM = 2,	/* plus the channel; value: duty in ns, 0 if disabled */
	BENCH_T_PILOT = 8,	/* value: the converter's channel 0 while PWM 0 is high */
};

u32 bench_read(unsigned int word);
u32 bench_levels(void);

/* Whether the first PWM's line is high at this instant, and whether it is `high` at any. */
bool bench_pwm_is_high(void);
bool bench_pwm_is_ever(bool high);

/* Change some bits of one word, trace the lines' new levels, and ring the host. */
void bench_write_bits(unsigned int word, u32 mask, u32 bits);
void bench_write_pwm(unsigned int channel, u32 period_ns, u32 duty_ns, bool enabled);

/* `notify` runs in hard interrupt context with the lines whose levels the outside has changed. */
void bench_on_edges(void (*notify)(void *data, u32 levels, u32 changed), void *data);

#endif
