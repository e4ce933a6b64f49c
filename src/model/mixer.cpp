#include "canine/model/mixer.hpp"

#include "canine/core/errors.hpp"
#include "canine/model/decoder.hpp"
#include "canine/model/dropout.hpp"
#include "canine/model/encoder.hpp"
#include "canine/model/initialization.hpp"
#include "canine/model/layers.hpp"

namespace canine {

MixerImpl::MixerImpl(const MixerOptions& options, InitialValues values) : options_(options) {
  options_.validate();
  encoder_ = register_module("encoder", std::make_shared<CanineEncoderImpl>(options_.encoder, options_.attention));
  if (options_.vocabulary_size > 0) {
    decoder_ = register_module("decoder", std::make_shared<MixerDecoderImpl>(options_));
  }
  if (options_.num_classes > 0) {
    linear_decoder_ =
        register_module("linear_decoder", std::make_shared<Linear>(options_.encoder.hidden_size, options_.num_classes));
  }
  if (values == InitialValues::kAll) initialize_encoder(*encoder_);
  if (values != InitialValues::kNone) {
    if (has_decoder()) initialize_decoder(*decoder_);
    if (has_flat_head()) initialize_linear(*linear_decoder_);
  }
}

MixerImpl::~MixerImpl() = default;

MixerOutput MixerImpl::forward(const at::Tensor& input_ids, const at::Tensor& attention_mask,
                               const at::Tensor& target_input) {
  const EncoderOutput encoded = encode(input_ids, attention_mask);
  MixerOutput output;
  if (has_decoder()) {
    output.sequence_logits = decoder_->forward(target_input, encoded.memory, memory_mask(attention_mask));
  }
  if (has_flat_head()) {
    output.flat_logits = dropout(flat_logits(encoded.pooled), is_training() ? options_.dropout : 0.0);
    if (observer_) observer_("flat_logits", output.flat_logits);
  }
  return output;
}

EncoderOutput MixerImpl::encode(const at::Tensor& input_ids, const at::Tensor& attention_mask) {
  return encoder_->forward(input_ids, attention_mask);
}

at::Tensor MixerImpl::pool(const at::Tensor& input_ids, const at::Tensor& attention_mask) {
  return encoder_->pool(input_ids, attention_mask);
}

at::Tensor MixerImpl::flat_logits(const at::Tensor& pooled) {
  if (!has_flat_head()) throw InternalError("the model has no flat head");
  return linear_decoder_->forward(pooled);
}

MixerDecoderImpl& MixerImpl::decoder() {
  if (!has_decoder()) throw InternalError("the model has no decoder");
  return *decoder_;
}

at::Tensor MixerImpl::memory_mask(const at::Tensor& attention_mask) const {
  return options_.mask_memory_padding ? additive_mask(attention_mask) : at::Tensor();
}

void MixerImpl::set_observer(const StageObserver& observer) {
  observer_ = observer;
  encoder_->set_observer(observer);
  if (has_decoder()) decoder_->set_observer(observer);
}

}  // namespace canine
