"""Pi by throwing darts, on as many executors as Spark gets."""

import random

from pyspark.sql import SparkSession

PARTS, DARTS = 20, 200_000


def hits(seed):
    """How many of the darts of one part hit."""
    dart = random.Random(seed).random
    return sum(dart() ** 2 + dart() ** 2 < 1 for _ in range(DARTS))


spark = SparkSession.builder.appName("pi").getOrCreate()
inside = spark.sparkContext.parallelize(range(PARTS), PARTS).map(hits).sum()
print(f"Pi is roughly {4 * inside / (PARTS * DARTS):.3f}")
spark.stop()
