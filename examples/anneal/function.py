"""A bowl with two narrow wells in it, so that there are three minima."""

from math import exp


def function(a, b, c, d, e, f, g, h, i, j, k, l, s):
    """Return the function of x and y that has these coefficients."""

    def value(x, y):
        bowl = a * x * x + b * x * y + c * y * y + d * x + e * y + f
        deep = g * exp(-((x - h) ** 2 + (y - i) ** 2) / s)
        shallow = j * exp(-((x - k) ** 2 + (y - l) ** 2) / s)
        return bowl - deep - shallow

    return value
