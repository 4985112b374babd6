//! How bytes are written where text is wanted: for `#[serde(with = "…")]`.

/// Bytes, always as many, as lower-case hexadecimal digits.
pub mod hex {
    use std::borrow::Cow;

    use data_encoding::HEXLOWER_PERMISSIVE;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes them.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer, const N: usize>(bytes: &[u8; N], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&HEXLOWER_PERMISSIVE.encode_display(bytes))
    }

    /// Reads them back.
    ///
    /// # Errors
    /// Not text, or not two hexadecimal digits for each byte.
    pub fn deserialize<'de, D: Deserializer<'de>, const N: usize>(deserializer: D) -> Result<[u8; N], D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(serde::de::Error::custom)?;
        bytes.try_into().map_err(|_| serde::de::Error::custom(format!("{} hexadecimal digits are expected", 2 * N)))
    }
}

/// The same where there may be none.
pub mod optional_hex {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Written(#[serde(with = "super::hex")] [u8; 16]);

    /// Writes them.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(bytes: &Option<[u8; 16]>, serializer: S) -> Result<S::Ok, S::Error> {
        bytes.map(Written).serialize(serializer)
    }

    /// Reads them back.
    ///
    /// # Errors
    /// As [`super::hex::deserialize`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[u8; 16]>, D::Error> {
        Ok(<Option<Written>>::deserialize(deserializer)?.map(|written| written.0))
    }
}

/// Any bytes in base 64.
pub mod base64 {
    use std::borrow::Cow;

    use data_encoding::BASE64;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes them.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    /// Reads them back.
    ///
    /// # Errors
    /// Not text, or not base 64.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        BASE64.decode(text.as_bytes()).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct All {
        #[serde(with = "super::hex")]
        id: [u8; 16],
        #[serde(with = "super::optional_hex")]
        device: Option<[u8; 16]>,
        #[serde(with = "super::base64")]
        sealed: Vec<u8>,
    }

    #[test]
    fn bytes_are_written_as_text_and_read_back() {
        for device in [None, Some([0xab; 16])] {
            let all = All { id: [7; 16], device, sealed: vec![0, 1, 255] };
            let written = serde_json::to_string(&all).expect("it is written");
            assert!(
                written.contains("\"07070707070707070707070707070707\"") && written.contains("\"AAH/\""),
                "{written}"
            );
            assert_eq!(serde_json::from_str::<All>(&written).expect("it is read"), all);
        }
        for wrong in [r#"{"id":"07","device":null,"sealed":""}"#, r#"{"id":7,"device":null,"sealed":""}"#] {
            assert!(serde_json::from_str::<All>(wrong).is_err(), "{wrong}");
        }
    }
}
