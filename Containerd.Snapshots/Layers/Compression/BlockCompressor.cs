namespace Containerd.Snapshots;

/// <summary>Compresses blocks one after the other, each as if it were alone, so that several of these can share a stream.</summary>
internal abstract class BlockCompressor : IDisposable
{
    /// <summary>The most bytes that a block of a length can become.</summary>
    public abstract int Bound(int length);

    /// <summary>Compresses a block.</summary>
    /// <param name="block">The block, which may be empty.</param>
    /// <param name="room">Takes what becomes of it; as long as <see cref="Bound"/> says, or longer.</param>
    /// <returns>The number of bytes it became.</returns>
    public abstract int Compress(ReadOnlySpan<byte> block, byte[] room);

    public virtual void Dispose()
    {
    }
}
