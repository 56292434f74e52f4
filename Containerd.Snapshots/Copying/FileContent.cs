using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Copies what is in a file: shared where the file systems can, else inside the kernel, else through a buffer; holes stay holes.</summary>
/// <remarks>One for all files that are copied one after the other, since it has a buffer.</remarks>
/// <param name="totals">Counts the data.</param>
/// <param name="cancellationToken">Stops the copying within a file too.</param>
internal sealed class FileContent(CopyTotals totals, CancellationToken cancellationToken)
{
    // Below this sharing gains nothing, and two calls with a buffer are cheaper than asking where the data is.
    private const int MinLargeLength = 64 << 10;

    // As much as is copied between two looks at the token: some tens of milliseconds on a slow disk.
    private const long ChunkLength = 16 << 20;

    private readonly byte[] _buffer = new byte[256 << 10];

    /// <summary>Copies the content into a new file. What is counted is data, not holes.</summary>
    /// <param name="source">The file, open for reading.</param>
    /// <param name="target">The new file, open for writing.</param>
    /// <param name="details">What the source is.</param>
    /// <param name="abilities">What is known of the two file systems, or is found out.</param>
    /// <param name="subject">Which file it is.</param>
    /// <returns>False where the source ended earlier or later than its length said.</returns>
    public bool Copy<TSubject>(SafeFileHandle source, SafeFileHandle target, in FileDetails details, CopyAbilities abilities, TSubject subject)
        where TSubject : ICopySubject, allows ref struct
    {
        long length = details.Status.Size;
        if (length < MinLargeLength && !details.MayHaveHoles)
            return CopySmall(source, target, (int)length, subject);
        if (length >= MinLargeLength && abilities.CanClone)
        {
            if (Files.TryClone(target, source, out bool never))
            {
                totals.AddBytes(details.MayHaveHoles ? DataLength(source, length) : length);
                return true;
            }
            if (never)
                abilities.ForgetClone();
        }
        return CopyData(source, target, length, abilities, subject);
    }

    private bool CopySmall<TSubject>(SafeFileHandle source, SafeFileHandle target, int length, TSubject subject)
        where TSubject : ICopySubject, allows ref struct
    {
        // One byte more than there should be: it tells a file that has grown, and one like those of /proc, whose length says nothing.
        int read = 0;
        while (read <= length)
        {
            subject.CheckSource(Files.Read(source, _buffer.AsSpan(read, length + 1 - read), read, out int count), "read");
            read += count;
            if (count == 0 || (read == length && length > 0))
                break; // fewer than asked for: the end
        }
        if (read != length)
            return false;
        if (length > 0)
            subject.CheckDestination(Files.Write(target, _buffer.AsSpan(0, length), 0), "write");
        totals.AddBytes(length);
        return true;
    }

    private bool CopyData<TSubject>(SafeFileHandle source, SafeFileHandle target, long length, CopyAbilities abilities, TSubject subject)
        where TSubject : ICopySubject, allows ref struct
    {
        long end = 0;
        while (end < length && Files.SeekData(source, end, out long start) && start < length)
        {
            end = Files.SeekHole(source, start, length);
            if (!CopyExtent(source, target, start, end, abilities, subject))
                return false;
        }
        if (end < length) // a hole is the last thing in it
            subject.CheckDestination(Files.SetLength(target, length), "set the length of");
        return true;
    }

    private bool CopyExtent<TSubject>(SafeFileHandle source, SafeFileHandle target, long start, long end, CopyAbilities abilities, TSubject subject)
        where TSubject : ICopySubject, allows ref struct
    {
        while (start < end)
        {
            cancellationToken.ThrowIfCancellationRequested();
            long copied = abilities.CanCopyRange ? CopyInKernel(source, target, start, Math.Min(ChunkLength, end - start), abilities, subject) : 0;
            if (copied == 0)
                copied = CopyThroughBuffer(source, target, start, Math.Min(_buffer.Length, end - start), subject);
            if (copied == 0)
                return false;
            totals.AddBytes(copied);
            start += copied;
        }
        return true;
    }

    /// <summary>Zero where the kernel would not, or had nothing: a buffer then finds out which.</summary>
    private static long CopyInKernel<TSubject>(SafeFileHandle source, SafeFileHandle target, long offset, long length, CopyAbilities abilities, TSubject subject)
        where TSubject : ICopySubject, allows ref struct
    {
        FileResult result = Files.CopyRange(source, target, offset, length, out long copied);
        if (result.CrossDevice || result.Unsupported || result.NotPermitted)
            abilities.ForgetCopyRange();
        else if (!result.InvalidRequest)
            subject.CheckDestination(result, "copy to");
        return copied;
    }

    private int CopyThroughBuffer<TSubject>(SafeFileHandle source, SafeFileHandle target, long offset, long length, TSubject subject)
        where TSubject : ICopySubject, allows ref struct
    {
        Span<byte> buffer = _buffer.AsSpan(0, (int)length);
        subject.CheckSource(Files.Read(source, buffer, offset, out int count), "read");
        subject.CheckDestination(Files.Write(target, buffer[..count], offset), "write");
        return count;
    }

    private static long DataLength(SafeFileHandle file, long length)
    {
        long sum = 0;
        for (long end = 0; end < length && Files.SeekData(file, end, out long start) && start < length;)
        {
            end = Files.SeekHole(file, start, length);
            sum += end - start;
        }
        return sum;
    }
}
