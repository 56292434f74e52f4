using System.Text;

namespace Containerd.Images;

/// <summary>Chain IDs: what a stack of layers is named by.</summary>
public static class ChainId
{
    /// <summary>The chain ID of a stack of layers.</summary>
    /// <param name="diffIds">The digests of the uncompressed layers, lowest first; at least one.</param>
    /// <returns>The digest of the first layer itself for one layer; otherwise the SHA-256 of the chain ID beneath, a space, and the layer's digest.</returns>
    /// <remarks>Source: image-spec v1.1 config.md §Layer ChainID.</remarks>
    /// <exception cref="ArgumentException">No layer, or an empty digest.</exception>
    public static Digest Compute(IReadOnlyList<Digest> diffIds)
    {
        IReadOnlyList<Digest> chain = ComputeAll(diffIds);
        return chain.Count > 0 ? chain[^1] : throw new ArgumentException("A chain has at least one layer.", nameof(diffIds));
    }

    /// <summary>The chain IDs of a stack of layers and of every lower part of it.</summary>
    /// <param name="diffIds">The digests of the uncompressed layers, lowest first.</param>
    /// <returns>As many chain IDs as layers; the last one is the whole stack's.</returns>
    /// <exception cref="ArgumentException">An empty digest.</exception>
    public static IReadOnlyList<Digest> ComputeAll(IReadOnlyList<Digest> diffIds)
    {
        ArgumentNullException.ThrowIfNull(diffIds);
        var chain = new Digest[diffIds.Count];
        for (int i = 0; i < chain.Length; i++)
        {
            if (diffIds[i].IsEmpty)
                throw new ArgumentException($"The digest of layer {i} is empty.", nameof(diffIds));
            chain[i] = i == 0 ? diffIds[0] : Digest.Sha256(Encoding.UTF8.GetBytes($"{chain[i - 1]} {diffIds[i]}"));
        }
        return chain;
    }
}
