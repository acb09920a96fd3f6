"""What the server does: send the weights, wait for all sites, average by numbers of examples, and keep the result."""

from flwr.app import ArrayRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from safetensors.torch import save_file

from course_utils.training.federated import travelling
from plants.task import BATCHNORM, network

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run the rounds of federated averaging."""
    how = context.run_config
    model = network(how["seed"])
    start = {name: model.state_dict()[name] for name in travelling(model, BATCHNORM)}
    strategy = FedAvg(fraction_evaluate=0.0, min_train_nodes=how["sites"], min_available_nodes=how["sites"])
    done = strategy.start(grid=grid, initial_arrays=ArrayRecord(start), num_rounds=how["rounds"])
    weights = {name: weight.contiguous() for name, weight in done.arrays.to_torch_state_dict().items()}
    save_file(weights, how["result"])
