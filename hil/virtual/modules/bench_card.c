// SPDX-License-Identifier: GPL-2.0
/*
 * The bench card: a PCI device (QEMU's ivshmem-doorbell) that stands for the peripherals of a
 * board computer. This module owns the card and makes the platform devices behind which the other
 * modules put a GPIO chip, a PWM chip and a converter, named as on a Raspberry Pi 4.
 */
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "bench_card.h"

#define IVSHMEM_VENDOR 0x1af4
#define IVSHMEM_DEVICE 0x1110
#define DOORBELL 12
#define HOST_VECTOR 0	/* peer 0 in the upper half, its vector 0 in the lower */
#define LONGEST_WAIT_NS (50 * NSEC_PER_MSEC)	/* for an answer; nobody outside is so slow and alive */
#define DEFAULT_PULL_UP 0x000001ff	/* BCM283x: lines 0..8 float high at reset */

static struct {
	void __iomem *registers;
	u32 __iomem *memory;
	raw_spinlock_t lock;
	u32 levels, pilot;
	u32 edges;	/* inputs that have changed and of which nobody was told yet */
	void (*notify)(void *data, u32 levels, u32 changed);
	void *notify_data;
	struct platform_device *soc, *gpio, *pwm, *adc;
	struct task_struct *waiter;
	wait_queue_head_t changed;
} card = { .changed = __WAIT_QUEUE_HEAD_INITIALIZER(card.changed), .lock = __RAW_SPIN_LOCK_UNLOCKED(card.lock) };

static u32 get(unsigned int word)
{
	return readl(&card.memory[word]);
}

static void put(unsigned int word, u32 value)
{
	writel(value, &card.memory[word]);
}

u32 bench_read(unsigned int word)
{
	return get(word);
}
EXPORT_SYMBOL_GPL(bench_read);

u32 bench_levels(void)
{
	u32 outputs = get(BENCH_W_DIRECTION), driven = get(BENCH_W_DRIVEN);
	u32 inputs = (get(BENCH_W_INPUT) & driven) | (get(BENCH_W_PULL_UP) & ~driven);

	return ((get(BENCH_W_OUTPUT) & outputs) | (inputs & ~outputs)) & (BIT(BENCH_LINES) - 1);
}
EXPORT_SYMBOL_GPL(bench_levels);

/* The instant of the question decides, as it does for a converter that samples a square wave. */
bool bench_pwm_is_high(void)
{
	u32 period = get(BENCH_W_PWM), duty = get(BENCH_W_PWM + 1), phase;

	if (!get(BENCH_W_PWM + 2) || !period)
		return false;
	div_u64_rem(ktime_get_ns(), period, &phase);
	return phase < duty;
}
EXPORT_SYMBOL_GPL(bench_pwm_is_high);

bool bench_pwm_is_ever(bool high)
{
	u32 period = get(BENCH_W_PWM), duty = get(BENCH_W_PWM + 1);

	if (!get(BENCH_W_PWM + 2) || !duty)
		return !high;
	return high || duty < period;
}
EXPORT_SYMBOL_GPL(bench_pwm_is_ever);

static void trace(u32 kind, u32 value)
{
	u32 traced = get(BENCH_W_TRACED);
	unsigned int at = BENCH_W_TRACE + 4 * (traced % BENCH_TRACES);
	u64 now = ktime_get_ns();

	put(at, lower_32_bits(now));
	put(at + 1, upper_32_bits(now));
	put(at + 2, kind);
	put(at + 3, value);
	put(BENCH_W_TRACED, traced + 1);
}

/* Whoever looks first finds an edge, also one whose doorbell has yet to ring: it must not be lost. */
static void trace_levels(void)
{
	u32 levels = bench_levels(), changed = levels ^ card.levels;

	card.levels = levels;
	card.edges |= changed & ~get(BENCH_W_DIRECTION);
	if (changed & ~get(BENCH_W_QUIET))
		trace(BENCH_T_LEVELS, levels);
}

static void trace_pilot(void)
{
	u32 pilot = get(BENCH_W_ADC);

	if (pilot != card.pilot)
		trace(BENCH_T_PILOT, pilot);
	card.pilot = pilot;
}

static unsigned long begin(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&card.lock, flags);
	put(BENCH_W_SEQUENCE, get(BENCH_W_SEQUENCE) | 1);
	return flags;
}

static void end_quietly(unsigned long flags)
{
	put(BENCH_W_SEQUENCE, (get(BENCH_W_SEQUENCE) | 1) + 1);
	raw_spin_unlock_irqrestore(&card.lock, flags);
}

static void end(unsigned long flags)
{
	end_quietly(flags);
	writel(HOST_VECTOR, card.registers + DOORBELL);
}

static void written(unsigned long flags)
{
	put(BENCH_W_WRITTEN, get(BENCH_W_WRITTEN) + 1);
	end(flags);
	wake_up(&card.changed);
}

static bool is_owed(void)
{
	if (!get(BENCH_W_ATTENDED))
		return false;
	return get(BENCH_W_ANSWERED) != get(BENCH_W_WRITTEN) || get(BENCH_W_OWING);
}

static void note_time(void)
{
	unsigned long flags = begin();
	u64 now = ktime_get_ns();

	put(BENCH_W_NOW, lower_32_bits(now));
	put(BENCH_W_NOW + 1, upper_32_bits(now));
	end_quietly(flags);
}

/*
 * The machine's clock counts instructions, but goes with the host's while the machine idles. While
 * the world outside owes it an answer, it has something to do: this. A host that is late is then
 * late by next to nothing, as a contactor or a monitor beside a real machine would be.
 */
static int await_answers(void *unused)
{
	while (!kthread_should_stop()) {
		u32 change = get(BENCH_W_WRITTEN);
		u64 began = ktime_get_ns();

		while (is_owed() && ktime_get_ns() - began < LONGEST_WAIT_NS && !kthread_should_stop()) {
			if (change != get(BENCH_W_WRITTEN))
				break;
			cpu_relax();
			cond_resched();
		}
		note_time();
		if (change == get(BENCH_W_WRITTEN))
			wait_event_timeout(card.changed,
				change != get(BENCH_W_WRITTEN) || kthread_should_stop(), HZ / 10);
	}
	return 0;
}

void bench_write_bits(unsigned int word, u32 mask, u32 bits)
{
	unsigned long flags = begin();

	put(word, (get(word) & ~mask) | (bits & mask));
	trace_levels();
	if (mask & ~get(BENCH_W_QUIET))
		written(flags);
	else
		end_quietly(flags);
}
EXPORT_SYMBOL_GPL(bench_write_bits);

void bench_write_pwm(unsigned int channel, u32 period_ns, u32 duty_ns, bool enabled)
{
	unsigned int at = BENCH_W_PWM + 4 * channel;
	unsigned long flags = begin();

	put(at, period_ns);
	put(at + 1, duty_ns);
	put(at + 2, enabled);
	trace(BENCH_T_PWM + channel, enabled ? duty_ns : 0);
	written(flags);
}
EXPORT_SYMBOL_GPL(bench_write_pwm);

void bench_on_edges(void (*notify)(void *data, u32 levels, u32 changed), void *data)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&card.lock, flags);
	card.notify = notify;
	card.notify_data = data;
	raw_spin_unlock_irqrestore(&card.lock, flags);
}
EXPORT_SYMBOL_GPL(bench_on_edges);

static irqreturn_t on_doorbell(int irq, void *unused)
{
	unsigned long flags = begin();
	void (*notify)(void *data, u32 levels, u32 changed) = card.notify;
	void *data = card.notify_data;
	u64 now = ktime_get_ns();
	u32 edges, levels;

	/* Before looking: whoever finds it changed after a change of his own knows that that is seen. */
	put(BENCH_W_LOOKED, lower_32_bits(now));
	put(BENCH_W_LOOKED + 1, upper_32_bits(now));
	mb();
	trace_levels();
	levels = card.levels;
	edges = card.edges;
	card.edges = 0;
	trace_pilot();
	end(flags);
	if (edges && notify)
		notify(data, levels, edges);
	return IRQ_HANDLED;
}

static struct platform_device *add(struct device *parent, const char *name)
{
	struct platform_device_info info = { .parent = parent, .name = name, .id = PLATFORM_DEVID_NONE };

	return platform_device_register_full(&info);
}

static void remove_devices(void)
{
	struct platform_device *all[] = { card.adc, card.pwm, card.gpio, card.soc };
	int i;

	for (i = 0; i < ARRAY_SIZE(all); i++)
		if (!IS_ERR_OR_NULL(all[i]))
			platform_device_unregister(all[i]);
	card.adc = card.pwm = card.gpio = card.soc = NULL;
}

static int add_devices(void)
{
	card.soc = add(NULL, "soc");
	if (IS_ERR(card.soc))
		return PTR_ERR(card.soc);
	card.gpio = add(&card.soc->dev, "fe200000.gpio");
	card.pwm = add(&card.soc->dev, "fe20c000.pwm");
	card.adc = add(&card.soc->dev, "fe204000.spi");
	if (!IS_ERR(card.gpio) && !IS_ERR(card.pwm) && !IS_ERR(card.adc))
		return 0;
	remove_devices();
	return -ENODEV;
}

static void reset(void)
{
	unsigned long flags = begin();
	int i;

	put(BENCH_W_PROBES, get(BENCH_W_PROBES) + 1);
	put(BENCH_W_DIRECTION, 0);
	put(BENCH_W_OUTPUT, 0);
	put(BENCH_W_PULL_UP, DEFAULT_PULL_UP);
	for (i = 0; i < BENCH_PWMS; i++)
		put(BENCH_W_PWM + 4 * i + 2, 0);
	trace_levels();
	end(flags);
}

static int probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	int error = pcim_enable_device(pci);

	if (error)
		return error;
	if (card.memory)
		return -EBUSY;
	error = pcim_iomap_regions(pci, BIT(0) | BIT(2), "bench-card");
	if (error)
		return error;
	card.registers = pcim_iomap_table(pci)[0];
	card.memory = pcim_iomap_table(pci)[2];
	if (get(BENCH_W_MAGIC) != BENCH_MAGIC) {
		card.memory = NULL;
		return -ENODEV;
	}
	pci_set_master(pci);
	reset();
	error = pci_alloc_irq_vectors(pci, 1, 1, PCI_IRQ_MSIX);
	if (error > 0)
		error = devm_request_irq(&pci->dev, pci_irq_vector(pci, 0), on_doorbell, 0, "bench-card", NULL);
	if (!error)
		error = add_devices();
	if (error) {
		card.memory = NULL;
		return error;
	}
	card.waiter = kthread_run(await_answers, NULL, "bench-card");
	if (!IS_ERR(card.waiter))
		sched_set_normal(card.waiter, MAX_NICE);
	return 0;
}

static void remove_card(struct pci_dev *pci)
{
	if (!IS_ERR(card.waiter))
		kthread_stop(card.waiter);
	remove_devices();
	devm_free_irq(&pci->dev, pci_irq_vector(pci, 0), NULL);
	pci_free_irq_vectors(pci);
	card.memory = NULL;
}

static const struct pci_device_id ids[] = { { PCI_DEVICE(IVSHMEM_VENDOR, IVSHMEM_DEVICE) }, {} };
MODULE_DEVICE_TABLE(pci, ids);

static struct pci_driver bench_driver = {
	.name = "bench-card",
	.id_table = ids,
	.probe = probe,
	.remove = remove_card,
};
module_pci_driver(bench_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("bench card: memory shared with the world outside of the virtual machine");
