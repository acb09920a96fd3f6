"""What each site does in a round: take the weights, train on its own examples, send the weights back."""

from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from course_utils.training.federated import train_locally, travelling
from course_utils.training.federated.batchnorm import ready
from course_utils.training.federated.rounds import order_of
from plants.task import BATCHNORM, examples, network

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    """Train on the examples of the site that --node-config names."""
    how, site = context.run_config, int(context.node_config["site"])
    client, model = examples(site, how["sites"], how["seed"]), network(how["seed"])
    model.load_state_dict(message.content["arrays"].to_torch_state_dict(), strict=False)
    ready(model, BATCHNORM)
    order = order_of(how["seed"], message.content["config"]["server-round"] - 1, site)
    train_locally(model, client, how["epochs"], how["lr"], bs=how["bs"], generator=order)
    sent = {name: model.state_dict()[name] for name in travelling(model, BATCHNORM)}
    told = MetricRecord({"num-examples": len(client)})
    return Message(content=RecordDict({"arrays": ArrayRecord(sent), "metrics": told}), reply_to=message)
