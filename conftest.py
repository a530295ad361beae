"""Where pytest is rooted. Options, fixtures and reports come from the plugin
``powerdown.pytest_plugin``,
which is installed with Powerdown, so that suites outside this checkout have them too.
"""
