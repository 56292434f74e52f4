using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>A file that is copied, in the words of whoever copies it.</summary>
internal interface ICopySubject
{
    /// <summary>Throws where a call on the file that is copied failed.</summary>
    void CheckSource(FileResult result, string operation);

    /// <summary>Throws where a call on what is made failed.</summary>
    void CheckDestination(FileResult result, string operation);
}
