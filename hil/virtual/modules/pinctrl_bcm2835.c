// SPDX-License-Identifier: GPL-2.0
/*
 * The GPIO lines of the bench card, with the name, the line names and the vice of the Raspberry
 * Pi's: while `persist_gpio_outputs` is on, as it is there by default, an output that its owner
 * releases keeps its last level.
 */
#include <linux/gpio/driver.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>

#include "bench_card.h"

static bool persist_gpio_outputs = true;
module_param(persist_gpio_outputs, bool, 0644);
MODULE_PARM_DESC(persist_gpio_outputs, "keep the level of outputs that are released");

static const char *const names[BENCH_LINES] = {
	"ID_SDA", "ID_SCL", "GPIO2", "GPIO3", "GPIO4", "GPIO5", "GPIO6", "GPIO7", "GPIO8", "GPIO9",
	"GPIO10", "GPIO11", "GPIO12", "GPIO13", "GPIO14", "GPIO15", "GPIO16", "GPIO17", "GPIO18",
	"GPIO19", "GPIO20", "GPIO21", "GPIO22", "GPIO23", "GPIO24", "GPIO25", "GPIO26", "GPIO27",
};

static u32 rising, falling, enabled;

static int get_direction(struct gpio_chip *chip, unsigned int line)
{
	return bench_read(BENCH_W_DIRECTION) & BIT(line) ? GPIO_LINE_DIRECTION_OUT : GPIO_LINE_DIRECTION_IN;
}

static int direction_input(struct gpio_chip *chip, unsigned int line)
{
	bench_write_bits(BENCH_W_DIRECTION, BIT(line), 0);
	return 0;
}

static void set(struct gpio_chip *chip, unsigned int line, int value)
{
	bench_write_bits(BENCH_W_OUTPUT, BIT(line), value ? BIT(line) : 0);
}

/* Lines that are set together change together: half an H-bridge must never be alone for a moment. */
static void set_multiple(struct gpio_chip *chip, unsigned long *mask, unsigned long *bits)
{
	bench_write_bits(BENCH_W_OUTPUT, *mask, *bits);
}

static int direction_output(struct gpio_chip *chip, unsigned int line, int value)
{
	set(chip, line, value);
	bench_write_bits(BENCH_W_DIRECTION, BIT(line), BIT(line));
	return 0;
}

static int get(struct gpio_chip *chip, unsigned int line)
{
	return !!(bench_levels() & BIT(line));
}

static void release(struct gpio_chip *chip, unsigned int line)
{
	if (!persist_gpio_outputs)
		direction_input(chip, line);
}

static int set_config(struct gpio_chip *chip, unsigned int line, unsigned long config)
{
	switch (pinconf_to_config_param(config)) {
	case PIN_CONFIG_BIAS_PULL_UP:
		bench_write_bits(BENCH_W_PULL_UP, BIT(line), BIT(line));
		return 0;
	case PIN_CONFIG_BIAS_PULL_DOWN:
	case PIN_CONFIG_BIAS_DISABLE:
		bench_write_bits(BENCH_W_PULL_UP, BIT(line), 0);
		return 0;
	default:
		return -ENOTSUPP;
	}
}

static void irq_mask(struct irq_data *data)
{
	enabled &= ~BIT(irqd_to_hwirq(data));
	gpiochip_disable_irq(irq_data_get_irq_chip_data(data), irqd_to_hwirq(data));
}

static void irq_unmask(struct irq_data *data)
{
	gpiochip_enable_irq(irq_data_get_irq_chip_data(data), irqd_to_hwirq(data));
	enabled |= BIT(irqd_to_hwirq(data));
}

static int irq_set_type(struct irq_data *data, unsigned int type)
{
	u32 line = BIT(irqd_to_hwirq(data));

	if (type & IRQ_TYPE_LEVEL_MASK)
		return -EINVAL;
	rising = (rising & ~line) | (type & IRQ_TYPE_EDGE_RISING ? line : 0);
	falling = (falling & ~line) | (type & IRQ_TYPE_EDGE_FALLING ? line : 0);
	return 0;
}

static const struct irq_chip irqs = {
	.name = "bench-gpio",
	.irq_mask = irq_mask,
	.irq_unmask = irq_unmask,
	.irq_set_type = irq_set_type,
	.flags = IRQCHIP_IMMUTABLE,
	GPIOCHIP_IRQ_RESOURCE_HELPERS,
};

static void on_edges(void *data, u32 levels, u32 changed)
{
	struct gpio_chip *chip = data;
	unsigned long due = changed & enabled & ((levels & rising) | (~levels & falling));
	unsigned int line;

	for_each_set_bit(line, &due, BENCH_LINES)
		generic_handle_domain_irq(chip->irq.domain, line);
}

static int probe(struct platform_device *device)
{
	struct gpio_chip *chip = devm_kzalloc(&device->dev, sizeof(*chip), GFP_KERNEL);
	int error;

	if (!chip)
		return -ENOMEM;
	chip->label = "pinctrl-bcm2711";
	chip->parent = &device->dev;
	chip->owner = THIS_MODULE;
	chip->base = -1;
	chip->ngpio = BENCH_LINES;
	chip->names = names;
	chip->get_direction = get_direction;
	chip->direction_input = direction_input;
	chip->direction_output = direction_output;
	chip->get = get;
	chip->set = set;
	chip->set_multiple = set_multiple;
	chip->free = release;
	chip->set_config = set_config;
	gpio_irq_chip_set_chip(&chip->irq, &irqs);
	chip->irq.handler = handle_simple_irq;
	chip->irq.default_type = IRQ_TYPE_NONE;
	error = devm_gpiochip_add_data(&device->dev, chip, NULL);
	if (!error)
		bench_on_edges(on_edges, chip);
	return error;
}

static int remove(struct platform_device *device)
{
	bench_on_edges(NULL, NULL);
	return 0;
}

static const struct platform_device_id ids[] = { { "fe200000.gpio" }, {} };
MODULE_DEVICE_TABLE(platform, ids);

static struct platform_driver bench_driver = {
	.driver = { .name = "bench-gpio" },
	.id_table = ids,
	.probe = probe,
	.remove = remove,
};
module_platform_driver(bench_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("GPIO lines of the bench card");
