"""Print the problem as JSON: the function, where to start, what is known."""

import json

# The function of SciPy's old page on optimize.anneal; function.py has its form.
# Change this comment: params runs again, writes the same file, and that is all.
problem = {
    "coefficients": {
        "a": 2, "b": 3, "c": 7, "d": 8, "e": 9, "f": 10, "g": 44,
        "h": -1, "i": 2, "j": 26, "k": 1, "l": -2, "s": 0.5,
    },
    "start": [2, 2],
    "box": [-10, 10],
    "minimum": {"x": [-1.0566113, 1.8083113], "fun": -3.4085821235},
}

print(json.dumps(problem, indent=2))
