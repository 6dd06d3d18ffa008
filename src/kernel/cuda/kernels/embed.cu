// embed: the embeddings of src/encoder/bert/forward.rs: ((word + shift) + type) + position, then LayerNorm. A warp a token.
//
// ids and positions [tokens]: rows of words [vocabulary, n] and of places [positions, n]; type, weight and bias [n]; shift [tokens, n] or null;
// kept [tokens, n], the sums before LayerNorm, or null; out [tokens, n].
#include "norm.cuh"

extern "C" __global__ void embed(const int* ids, const int* positions, long long tokens, int n, const float* words, const float* shift,
                                 const float* type, const float* places, const float* weight, const float* bias, float epsilon, float* kept,
                                 float* out) {
    const long long token = warp_row();
    if (token >= tokens) return;
    const float* word = words + (long long)ids[token] * n;
    const float* place = places + (long long)positions[token] * n;
    float* row = out + token * n;
    for (int i = lane_id(); i < n; i += 32) {
        float sum = word[i];
        if (shift != nullptr) sum += shift[token * n + i];
        sum += type[i];
        sum += place[i];
        row[i] = sum;
        if (kept != nullptr) kept[token * n + i] = sum;
    }
    norm_row(row, n, weight, bias, epsilon, row);
}
