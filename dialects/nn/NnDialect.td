// The nn dialect: model mathematics, backward and update ops, on tensors in SSA form.
#ifndef FTC_NN_DIALECT_TD
#define FTC_NN_DIALECT_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/TensorEncoding.td"

def Nn_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::ftc::nn";
  let summary = "Model mathematics, backward and optimizer updates over ragged batches";
  let description = [{
    A batch is a stream of rows, never a padded rectangle: the first dimension of a ragged
    tensor is dynamic and carries the space it ranges over as its encoding (`#nn.space`), and
    offsets (`#nn.offsets`) say where each sequence begins. Parameters are function arguments,
    updated parameters are results: the dialect is pure SSA. Functions carry argument
    attributes: `nn.input` (a batch array's name), `nn.parameter` (a Hugging Face tensor name),
    `nn.trainable`, `nn.decay`, `nn.gradient`, `nn.moment`; results `nn.output` or
    `nn.updates` (the argument whose storage the result takes over).
  }];
  let useDefaultAttributePrinterParser = 1;
}

class Nn_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Nn_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

// A space's name: a bare identifier (dots allowed), quoted when it is none.
class Nn_SpaceName<string desc> : StringRefParameter<desc>;

def Nn_SpaceAttr : Nn_Attr<"Space", "space",
    [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "The ragged space that dimension 0 of a tensor ranges over";
  let description = [{
    `tensor<?x384xf32, #nn.space<tokens>>`: as many rows as the batch has tokens. A tensor so
    encoded has a dynamic dimension 0 and no other.
  }];
  let parameters = (ins Nn_SpaceName<"tokens, sequences, labelled, ...">:$name);
  let assemblyFormat = "`<` custom<SpaceName>($name) `>`";
}

def Nn_OffsetsAttr : Nn_Attr<"Offsets", "offsets",
    [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "cu_seqlens: [sequences + 1] offsets of each sequence's rows in a space";
  let description = [{
    `tensor<?xi32, #nn.offsets<sequences, tokens>>` holds one element more than there are
    sequences: rows [offsets[s], offsets[s + 1]) of the space `tokens` are sequence s.
  }];
  let parameters = (ins Nn_SpaceName<"what is counted">:$per,
                        Nn_SpaceName<"the space the offsets point into">:$into);
  let assemblyFormat = "`<` custom<SpaceName>($per) `,` custom<SpaceName>($into) `>`";
}

def Nn_Activation : I32EnumAttr<"Activation", "elementwise activation", [
    I32EnumAttrCase<"None", 0, "none">,
    I32EnumAttrCase<"Gelu", 1, "gelu">,
    I32EnumAttrCase<"GeluTanh", 2, "gelu_tanh">,
    I32EnumAttrCase<"Relu", 3, "relu">,
    I32EnumAttrCase<"Tanh", 4, "tanh">,
    I32EnumAttrCase<"Silu", 5, "silu">]> {
  let cppNamespace = "::ftc::nn";
  let genSpecializedAttr = 0;
}
def Nn_ActivationAttr : EnumAttr<Nn_Dialect, Nn_Activation, "activation"> {
  let assemblyFormat = "`<` $value `>`";
}

def Nn_UpdateRule : I32EnumAttr<"UpdateRule", "optimizer that updates each element by itself", [
    I32EnumAttrCase<"AdamW", 0, "adamw">,
    I32EnumAttrCase<"Sgd", 1, "sgd">,
    I32EnumAttrCase<"Lion", 2, "lion">]> {
  let cppNamespace = "::ftc::nn";
  let genSpecializedAttr = 0;
}
def Nn_UpdateRuleAttr : EnumAttr<Nn_Dialect, Nn_UpdateRule, "update_rule"> {
  let assemblyFormat = "`<` $value `>`";
}

#endif
