def update_parameters(parameters, gradients, lr):
    parameters["W"] += -lr * gradients["dW"]
    parameters["b"] += -lr * gradients["db"]
    return parameters
