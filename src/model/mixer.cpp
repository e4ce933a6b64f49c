#include "canine/model/mixer.hpp"

#include "canine/model/decoder.hpp"
#include "canine/model/dropout.hpp"
#include "canine/model/encoder.hpp"
#include "canine/model/initialization.hpp"
#include "canine/model/layers.hpp"

namespace canine {

MixerImpl::MixerImpl(const MixerOptions& options, InitialValues values) : options_(options) {
  options_.validate();
  encoder_ = register_module("encoder", std::make_shared<CanineEncoderImpl>(options_.encoder, options_.attention));
  decoder_ = register_module("decoder", std::make_shared<MixerDecoderImpl>(options_));
  linear_decoder_ =
      register_module("linear_decoder", std::make_shared<Linear>(options_.encoder.hidden_size, options_.num_classes));
  if (values == InitialValues::kAll) initialize_encoder(*encoder_);
  if (values != InitialValues::kNone) {
    initialize_decoder(*decoder_);
    initialize_linear(*linear_decoder_);
  }
}

MixerImpl::~MixerImpl() = default;

MixerOutput MixerImpl::forward(const at::Tensor& input_ids, const at::Tensor& attention_mask,
                               const at::Tensor& target_input) {
  const EncoderOutput encoded = encode(input_ids, attention_mask);
  const at::Tensor sequence = decoder_->forward(target_input, encoded.memory, memory_mask(attention_mask));
  const at::Tensor flat = dropout(flat_logits(encoded.pooled), is_training() ? options_.dropout : 0.0);
  if (observer_) observer_("flat_logits", flat);
  return {sequence, flat};
}

EncoderOutput MixerImpl::encode(const at::Tensor& input_ids, const at::Tensor& attention_mask) {
  return encoder_->forward(input_ids, attention_mask);
}

at::Tensor MixerImpl::flat_logits(const at::Tensor& pooled) { return linear_decoder_->forward(pooled); }

at::Tensor MixerImpl::memory_mask(const at::Tensor& attention_mask) const {
  return options_.mask_memory_padding ? additive_mask(attention_mask) : at::Tensor();
}

void MixerImpl::set_observer(const StageObserver& observer) {
  observer_ = observer;
  encoder_->set_observer(observer);
  decoder_->set_observer(observer);
}

}  // namespace canine
