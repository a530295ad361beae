"""What pyproject.toml cannot say: the packages lie in two places."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages("harness"), "powerdown_suites"],
    package_dir={"": "harness", "powerdown_suites": "suites"},
)
