"""Building what the virtual machine boots: a Debian root for arm64, a kernel, and the product.

Nothing of arm64 is executed meanwhile: packages are unpacked, not installed; modules are
cross-compiled; wheels are chosen for the other platform. `built` returns what is cached or builds
it; the cache is the user's, outside of the checkout.
"""
