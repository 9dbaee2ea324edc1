"""What the extra `dask` is for: a data frame in blocks, distilled by a worker of a cluster."""

import dask.dataframe
import distributed
import pandas as pd
from sklearn.datasets import make_friedman1

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.out_of_core import distill_blocks, resilient_client

X, y = make_friedman1(300, random_state=0)
frame = pd.DataFrame(X).add_prefix("x").assign(price=y)
student = StudentRegressor((8,), max_epochs=5, weight_decay=1.0)
model = DistilledRegressor(student=student, outliers="mad", alpha=0.5, random_state=0)
with distributed.Client(processes=False, n_workers=1, dashboard_address=None) as client:
    frame.to_parquet("table.parquet", row_group_size=100)
    blocks = dask.dataframe.read_parquet("table.parquet", split_row_groups=True)
    assert blocks.npartitions == 3
    model = distill_blocks(model, blocks, "price", folder="work", sample_rows=200)
    resilient_client(client)
assert model.predict(frame.drop(columns="price")).shape == y.shape
