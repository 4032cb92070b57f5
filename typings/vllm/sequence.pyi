from torch import Tensor

class IntermediateTensors:
    tensors: dict[str, Tensor]
