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
            // Another thread is about to make it, or has failed to: between that and its publishing or stopping lies little, so this ends.
            while ((file.Made is null || file.HasFailed) && !_isStopped)
                Monitor.Wait(_files);
            if (file.Made is null || file.HasFailed)
                throw new OperationCanceledException();
            if (--file.NamesLeft == 0)
                _files.Remove(details.Identity);
            // Before it is linked, so that whoever fails to complete the file knows of every name that it may have.
            if (isUnchanged)
                file.OtherNames?.Add((directory.Destination, terminatedName.ToArray()));
            return file;
        }
    }

    /// <summary>Says what the first name has become in the destination; its data may still be on the way, until it is completed or has failed.</summary>
    public LinkedFile Publish(in FileDetails source, FileIdentity made)
    {
        lock (_files)
        {
            LinkedFile file = _files[source.Identity];
            file.Made = made;
            Monitor.PulseAll(_files);
            return file;
        }
    }

    /// <summary>Says that a file is whole: its names stay, whatever happens.</summary>
    public void Complete(LinkedFile file)
    {
        lock (_files)
            file.OtherNames = null;
    }

    /// <summary>Says that a file will not be whole, so that nobody links to it any more. Whoever calls this ends the copy.</summary>
    /// <returns>The other names that it has, or will have until the first one is gone.</returns>
    public List<(DirectoryRef Directory, byte[] TerminatedName)> Fail(LinkedFile file)
    {
        lock (_files)
        {
            file.HasFailed = true;
            List<(DirectoryRef Directory, byte[] TerminatedName)> names = file.OtherNames ?? [];
            file.OtherNames = null;
            return names;
        }
    }

    /// <summary>Whether a file turned out not to become whole. Returns true only when the reason is known, so that what follows from it is not told instead.</summary>
    public bool HasFailed(LinkedFile file)
    {
        lock (_files)
        {
            while (file.HasFailed && !_isStopped)
                Monitor.Wait(_files);
            return file.HasFailed;
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

        /// <summary>Whether its content could not be completed.</summary>
        public bool HasFailed { get; set; }

        /// <summary>The other names it has got while its content is on the way; null when that is over.</summary>
        public List<(DirectoryRef Directory, byte[] TerminatedName)>? OtherNames { get; set; } = [];

        public long NamesLeft { get; set; } = (long)details.Links - 1;
    }
}
