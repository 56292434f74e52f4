namespace Containerd;

/// <summary>What every <see cref="IContentStore"/> can do by means of its members.</summary>
public static class ContentStoreExtensions
{
    /// <summary>Looks up content that must exist.</summary>
    /// <param name="store">The store.</param>
    /// <param name="digest">Its digest.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such content.</exception>
    public static async Task<ContentInfo> GetAsync(this IContentStore store, Digest digest, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(store);
        return await store.FindAsync(digest, cancellationToken).ConfigureAwait(false)
            ?? throw new ContainerdException(ErrorKind.NotFound, $"No content {digest} in the store.") { Subject = digest.ToString() };
    }

    /// <summary>Reads small content whole, and verifies it against its descriptor.</summary>
    /// <param name="store">The store.</param>
    /// <param name="descriptor">What to read. Where it embeds the content (<see cref="Descriptor.Data"/>) and that is right, the store is not asked.</param>
    /// <param name="maxBytes">The most bytes to read into memory.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.NotFound"/>: no such content. -or-
    /// <see cref="ErrorKind.ResourceExhausted"/>: it is larger than <paramref name="maxBytes"/>.</exception>
    /// <exception cref="DigestMismatchException">The store's bytes are not what the descriptor says.</exception>
    public static async Task<byte[]> ReadAsync(
        this IContentStore store, Descriptor descriptor, int maxBytes, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(descriptor);
        if (descriptor.Size > maxBytes)
        {
            throw new ContainerdException(ErrorKind.ResourceExhausted, $"{descriptor} is larger than the {maxBytes} bytes that may be read into memory.")
            {
                Subject = descriptor.Digest.ToString(),
            };
        }
        if (descriptor.Data is { } data && data.Length == descriptor.Size && descriptor.Digest.Matches(data))
            return data;

        byte[] bytes = new byte[descriptor.Size];
        Stream content = await store.OpenReadAsync(descriptor.Digest, cancellationToken).ConfigureAwait(false);
        await using (content.ConfigureAwait(false))
        {
            int read = await content.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
            Digest actual = Digest.FromHash(
                descriptor.Digest.HashName,
                System.Security.Cryptography.CryptographicOperations.HashData(descriptor.Digest.HashName, bytes.AsSpan(0, read)));
            if (actual != descriptor.Digest || content.Length != descriptor.Size)
                throw new DigestMismatchException($"Content {descriptor.Digest} in the store", descriptor.Digest, actual, descriptor.Size, content.Length);
        }
        return bytes;
    }
}
