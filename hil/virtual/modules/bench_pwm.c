// SPDX-License-Identifier: GPL-2.0
/* The PWM chip of the bench card. It makes no wave, it tells the world outside what wave it would make. */
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pwm.h>

#include "bench_card.h"

static int apply(struct pwm_chip *chip, struct pwm_device *pwm, const struct pwm_state *state)
{
	if (bench_read(BENCH_W_PWM + 4 * pwm->hwpwm + 3))
		return -EIO;
	if (state->polarity != PWM_POLARITY_NORMAL || state->period > U32_MAX)
		return -EINVAL;
	bench_write_pwm(pwm->hwpwm, state->period, state->duty_cycle, state->enabled);
	return 0;
}

static const struct pwm_ops ops = { .apply = apply, .owner = THIS_MODULE };

static int probe(struct platform_device *device)
{
	struct pwm_chip *chip = devm_kzalloc(&device->dev, sizeof(*chip), GFP_KERNEL);

	if (!chip)
		return -ENOMEM;
	chip->dev = &device->dev;
	chip->ops = &ops;
	chip->npwm = BENCH_PWMS;
	return devm_pwmchip_add(&device->dev, chip);
}

static const struct platform_device_id ids[] = { { "fe20c000.pwm" }, {} };
MODULE_DEVICE_TABLE(platform, ids);

static struct platform_driver bench_driver = {
	.driver = { .name = "bench-pwm" },
	.id_table = ids,
	.probe = probe,
};
module_platform_driver(bench_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("PWM chip of the bench card");
