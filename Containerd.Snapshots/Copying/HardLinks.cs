using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>The files of the source that have several names: the first name that is met carries the data, the others become links to it.</summary>
internal sealed class HardLinks
{
    private readonly Dictionary<FileIdentity, LinkedFile> _files = [];
    private bool _isStopped;

    /// <summary>Null where this is the first name: the caller makes the file and publishes it. Else the file, made already.</summary>
    /// <param name="details">The file.</param>
    /// <param name="directory">Where the name is.</param>
    /// <param name="terminatedName">The name.</param>
    /// <param name="isUnchanged">False where the file was changed between its names.</param>
    public LinkedFile? Find(in FileDetails details, CopiedDirectory directory, ReadOnlySpan<byte> terminatedName, out bool isUnchanged)
    {
        isUnchanged = true;
        lock (_files)
        {
            if (!_files.TryGetValue(details.Identity, out LinkedFile? file))
            {
                _files.Add(details.Identity, new LinkedFile(directory.Destination, terminatedName.ToArray(), details));
                return null;
            }
            isUnchanged = file.Details.IsUnchanged(details);
            // Another thread is about to make it: between its finding and its publishing lies only that, so this ends.
            while (file.Made is null && !_isStopped)
                Monitor.Wait(_files);
            if (file.Made is null)
                throw new OperationCanceledException();
            if (--file.NamesLeft == 0)
                _files.Remove(details.Identity);
            return file;
        }
    }

    /// <summary>Says what the first name has become in the destination; its data may still be on the way.</summary>
    public void Publish(in FileDetails source, FileIdentity made)
    {
        lock (_files)
        {
            _files[source.Identity].Made = made;
            Monitor.PulseAll(_files);
        }
    }

    /// <summary>Has those who wait give up.</summary>
    public void Stop()
    {
        lock (_files)
        {
            _isStopped = true;
            Monitor.PulseAll(_files);
        }
    }

    internal sealed class LinkedFile(DirectoryRef directory, byte[] terminatedName, FileDetails details)
    {
        public DirectoryRef Directory => directory;

        public byte[] TerminatedName => terminatedName;

        public FileDetails Details => details;

        public FileIdentity? Made { get; set; }

        public long NamesLeft { get; set; } = (long)details.Links - 1;
    }
}
