namespace Containerd.Images;

/// <summary>The members of an archive or of a directory, looked up by the names the formats define. No name found in it ever reaches the file system.</summary>
internal abstract class ArchiveSource : IAsyncDisposable
{
    /// <summary>What it is, for messages.</summary>
    public abstract string Description { get; }

    /// <summary>Opens a member; null where there is none.</summary>
    public abstract Stream? Open(string name);

    public Stream? OpenBlob(Digest digest) => Open($"blobs/{digest.Algorithm}/{digest.Hex}");

    public virtual ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Reads a small member whole.</summary>
    public async Task<byte[]?> ReadAsync(string name, int maxBytes, CancellationToken cancellationToken)
    {
        if (Open(name) is not { } content)
            return null;
        await using (content.ConfigureAwait(false))
        {
            if (content.Length > maxBytes)
            {
                throw new ContainerdException(
                    ErrorKind.ResourceExhausted, $"'{Excerpt.Of(name)}' in {Description} has {content.Length} bytes; {maxBytes} are allowed.")
                {
                    Subject = Description,
                };
            }
            byte[] bytes = new byte[content.Length];
            await content.ReadExactlyAsync(bytes, cancellationToken).ConfigureAwait(false);
            return bytes;
        }
    }
}
