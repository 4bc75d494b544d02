// SPDX-License-Identifier: GPL-2.0
/*
 * The converter of the bench card: twelve bits at 3.3 V, as Linux shows an MCP3208. A channel
 * reads one value while the card's first PWM is high and another one while it is low. The last two
 * channels are behind peak detectors, which hold the highest and the lowest value of channel 0.
 */
#include <linux/iio/iio.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>

#include "bench_card.h"

#define REFERENCE_MV 3300
#define BITS 12
#define HIGHEST_OF_0 6
#define LOWEST_OF_0 7

static u32 word_of(unsigned int channel)
{
	switch (channel) {
	case HIGHEST_OF_0:
		return BENCH_W_ADC + !bench_pwm_is_ever(true);
	case LOWEST_OF_0:
		return BENCH_W_ADC + bench_pwm_is_ever(false);
	default:
		return BENCH_W_ADC + 2 * channel + !bench_pwm_is_high();
	}
}

static int read_raw(struct iio_dev *device, struct iio_chan_spec const *channel, int *value,
		    int *value2, long mask)
{
	switch (mask) {
	case IIO_CHAN_INFO_RAW:
		if (bench_read(BENCH_W_ADC_BROKEN) & BIT(channel->channel))
			return -EIO;
		*value = bench_read(word_of(channel->channel));
		return IIO_VAL_INT;
	case IIO_CHAN_INFO_SCALE:
		*value = REFERENCE_MV;
		*value2 = BITS;
		return IIO_VAL_FRACTIONAL_LOG2;
	default:
		return -EINVAL;
	}
}

static const struct iio_info info = { .read_raw = read_raw };

#define CHANNEL(number) {						\
	.type = IIO_VOLTAGE,						\
	.indexed = 1,							\
	.channel = number,						\
	.info_mask_separate = BIT(IIO_CHAN_INFO_RAW),			\
	.info_mask_shared_by_type = BIT(IIO_CHAN_INFO_SCALE),		\
}

static const struct iio_chan_spec channels[BENCH_ADCS] = {
	CHANNEL(0), CHANNEL(1), CHANNEL(2), CHANNEL(3), CHANNEL(4), CHANNEL(5), CHANNEL(6), CHANNEL(7),
};

static int probe(struct platform_device *device)
{
	struct iio_dev *adc = devm_iio_device_alloc(&device->dev, 0);

	if (!adc)
		return -ENOMEM;
	adc->name = "mcp3208";
	adc->modes = INDIO_DIRECT_MODE;
	adc->info = &info;
	adc->channels = channels;
	adc->num_channels = ARRAY_SIZE(channels);
	return devm_iio_device_register(&device->dev, adc);
}

static const struct platform_device_id ids[] = { { "fe204000.spi" }, {} };
MODULE_DEVICE_TABLE(platform, ids);

static struct platform_driver bench_driver = {
	.driver = { .name = "bench-adc" },
	.id_table = ids,
	.probe = probe,
};
module_platform_driver(bench_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("converter of the bench card");
