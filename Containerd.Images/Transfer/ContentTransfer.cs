using System.Buffers;

namespace Containerd.Images;

/// <summary>Brings content into a store from somewhere, once, however many want it: whoever comes second waits and looks again.</summary>
internal sealed class ContentTransfer(IContentStore content, TimeProvider timeProvider)
{
    private const int BufferBytes = 256 * 1024;
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(16);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(1);

    /// <summary>Makes sure that the store has some content.</summary>
    /// <param name="descriptor">What.</param>
    /// <param name="open">Opens it where it comes from, behind as many bytes as the store has already.</param>
    /// <param name="progress">Told of it.</param>
    /// <param name="cancellationToken">Stops the transfer; what came so far is kept for the next.</param>
    /// <param name="limit">How many may transfer at once; null for any number.</param>
    /// <param name="arrived">Told the number of bytes whenever some have come.</param>
    public async Task EnsureAsync(
        Descriptor descriptor,
        Func<long, CancellationToken, Task<Stream>> open,
        IProgress<TransferProgress>? progress,
        CancellationToken cancellationToken,
        SemaphoreSlim? limit = null,
        Action<int>? arrived = null)
    {
        bool mayStartAnew = true;
        for (TimeSpan delay = FirstDelay; ; delay = delay * 2 < LongestDelay ? delay * 2 : LongestDelay)
        {
            // Never held while waiting for another writer, who may be waiting for it.
            if (limit is not null)
                await limit.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                Outcome outcome = await TryTransferAsync(descriptor, open, mayStartAnew, progress, arrived, cancellationToken).ConfigureAwait(false);
                if (outcome == Outcome.Present)
                    return;
                if (outcome == Outcome.StartAnew)
                {
                    mayStartAnew = false;
                    continue;
                }
            }
            finally
            {
                limit?.Release();
            }
            progress?.Report(new TransferProgress(TransferPhase.Waiting, descriptor, 0));
            await Task.Delay(delay, timeProvider, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Moves a stream forward.</summary>
    public static Stream Skip(Stream stream, long bytes)
    {
        byte[] scratch = bytes > 0 ? new byte[(int)Math.Min(bytes, BufferBytes)] : [];
        while (bytes > 0)
        {
            int read = stream.Read(scratch, 0, (int)Math.Min(bytes, scratch.Length));
            if (read == 0)
                throw new EndOfStreamException("The content ended before the bytes that are missing.");
            bytes -= read;
        }
        return stream;
    }

    /// <summary>The reference under which those who want the same content meet (D-25).</summary>
    public static string ReferenceOf(Descriptor descriptor)
    {
        string kind = MediaTypes.IsIndex(descriptor.MediaType) ? "index"
            : MediaTypes.IsManifest(descriptor.MediaType) ? "manifest"
            : MediaTypes.IsLayer(descriptor.MediaType) ? "layer"
            : MediaTypes.IsConfig(descriptor.MediaType) ? "config"
            : "blob";
        return $"{kind}-{descriptor.Digest}";
    }

    private async Task<Outcome> TryTransferAsync(
        Descriptor descriptor, Func<long, CancellationToken, Task<Stream>> open, bool mayStartAnew, IProgress<TransferProgress>? progress, Action<int>? arrived, CancellationToken cancellationToken)
    {
        IContentWriter writer;
        try
        {
            writer = await content.OpenWriterAsync(ReferenceOf(descriptor), descriptor, cancellationToken).ConfigureAwait(false);
        }
        catch (ContainerdException e) when (e.Kind == ErrorKind.Unavailable)
        {
            return Outcome.Busy;
        }
        catch (ContainerdException e) when (e.Kind == ErrorKind.AlreadyExists)
        {
            return await CheckPresentAsync(descriptor, progress, cancellationToken).ConfigureAwait(false);
        }
        await using (writer.ConfigureAwait(false))
        {
            bool resumes = writer.Offset > 0;
            try
            {
                await CopyAsync(descriptor, writer, open, progress, arrived, cancellationToken).ConfigureAwait(false);
                await writer.CommitAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
            }
            catch (DigestMismatchException) when (resumes && mayStartAnew)
            {
                // What was left from before may be what was wrong, as after a loss of power. The store has dropped it.
                return Outcome.StartAnew;
            }
        }
        progress?.Report(new TransferProgress(TransferPhase.Done, descriptor, descriptor.Size));
        return Outcome.Present;
    }

    private async Task<Outcome> CheckPresentAsync(Descriptor descriptor, IProgress<TransferProgress>? progress, CancellationToken cancellationToken)
    {
        if (await content.FindAsync(descriptor.Digest, cancellationToken).ConfigureAwait(false) is not { } present)
            return Outcome.StartAnew;
        if (present.Size != descriptor.Size)
        {
            throw new ContainerdException(ErrorKind.DataCorrupted, $"The content {descriptor.Digest} has {present.Size} bytes, but is described as {descriptor}: the description is wrong.")
            {
                Subject = descriptor.Digest.ToString(),
            };
        }
        progress?.Report(new TransferProgress(TransferPhase.Exists, descriptor, descriptor.Size));
        return Outcome.Present;
    }

    private static async Task CopyAsync(
        Descriptor descriptor, IContentWriter writer, Func<long, CancellationToken, Task<Stream>> open, IProgress<TransferProgress>? progress, Action<int>? arrived, CancellationToken cancellationToken)
    {
        progress?.Report(new TransferProgress(TransferPhase.Transferring, descriptor, writer.Offset));
        if (writer.Offset == descriptor.Size)
            return;
        Stream body = await open(writer.Offset, cancellationToken).ConfigureAwait(false);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            await using (body.ConfigureAwait(false))
            {
                int read;
                while ((read = await body.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
                {
                    arrived?.Invoke(read);
                    await writer.WriteAsync(buffer.AsMemory(0, read), cancellationToken).ConfigureAwait(false);
                    progress?.Report(new TransferProgress(TransferPhase.Transferring, descriptor, writer.Offset));
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private enum Outcome
    {
        Present,
        Busy,
        StartAnew,
    }
}
